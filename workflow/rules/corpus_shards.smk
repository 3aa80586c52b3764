# A corpus of WebDataset shards that are there already: read where they lie, one job a shard.


include: "corpus_ledgers.smk"


rule scan_shard:
    input:
        shard=lambda wildcards: get_shards()[int(wildcards.shard)],
        key_list=get_brought("keys"),
    output:
        ledger=DATA / f"corpora/{CORPUS}/ledgers/{CORPUS}-{{shard}}.parquet",
    log:
        LOGS / "scan_shard/{shard}.log",
    benchmark:
        BENCHMARKS / "scan_shard/{shard}.tsv"
    conda:
        "../../envs/download.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(60),
    params:
        code=get_code_hash("scan_shard.py"),
    message:
        "Scan shard {wildcards.shard}"
    script:
        "../scripts/scan_shard.py"
