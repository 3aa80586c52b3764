# A corpus downloaded from a list of captions and URLs: one job a shard.


include: "corpus_ledgers.smk"


rule download_shard:
    input:
        urls=config["corpus"]["urls"],
        key_list=get_brought("keys"),
    output:
        # kept when the job runs again: only what failed for a passing reason is asked for again
        shard=update(DATA / f"corpora/{CORPUS}/shards/{CORPUS}-{{shard}}.tar"),
        ledger=update(DATA / f"corpora/{CORPUS}/ledgers/{CORPUS}-{{shard}}.parquet"),
    log:
        LOGS / "download_shard/{shard}.log",
    benchmark:
        BENCHMARKS / "download_shard/{shard}.tsv"
    conda:
        "../../envs/download.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000),
        runtime=get_growing(240),
    params:
        brought=get_marks(config["corpus"]["urls"], get_brought("keys")),
        first=get_first_row,
        rows=get_row_count,
        key_limit=get_key_limit(),
        limits=get_sorted(get_limits()),
        images={
            "size": config["corpus"]["download"]["image_size"],
            "max_pixels": config["corpus"]["download"]["max_pixels"],
        },
        code=get_code_hash("download_shard.py"),
    message:
        "Download shard {wildcards.shard}"
    script:
        "../scripts/download_shard.py"
