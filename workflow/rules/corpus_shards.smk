# A corpus of WebDataset shards that are there already: read where they lie, one job a shard.


include: "corpus_ledgers.smk"


def get_scanned_shard(wildcards):
    """The shard that a ledger is of."""
    return get_shards()[int(wildcards.shard)]


rule scan_shard:
    input:
        shard=get_scanned_shard,
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
        brought=get_marks(get_scanned_shard, get_brought("keys")),
        code=get_code_hash("scan_shard.py"),
    message:
        "Scan shard {wildcards.shard}"
    script:
        "../scripts/scan_shard.py"
