# A corpus gathered from a table of image files and captions: one job a shard.


include: "corpus_ledgers.smk"


rule gather_shard:
    input:
        table=config["corpus"]["table"],
        # a folder is newer with every file that is put into it
        root=ancient(config["corpus"]["root"]),
        key_list=get_brought("keys"),
    output:
        shard=DATA / f"corpora/{CORPUS}/shards/{CORPUS}-{{shard}}.tar",
        ledger=DATA / f"corpora/{CORPUS}/ledgers/{CORPUS}-{{shard}}.parquet",
    log:
        LOGS / "gather_shard/{shard}.log",
    benchmark:
        BENCHMARKS / "gather_shard/{shard}.tsv"
    conda:
        "../../envs/download.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000),
        runtime=get_growing(120),
    params:
        brought=get_marks(config["corpus"]["table"], get_brought("keys")),
        first=get_first_row,
        rows=get_row_count,
        key_limit=get_key_limit(),
        columns=[config["corpus"]["path_column"], config["corpus"]["caption_column"]],
        images={
            "size": config["corpus"]["image_size"],
            "max_pixels": config["corpus"]["max_pixels"],
        },
        code=get_code_hash("gather_shard.py"),
    message:
        "Gather shard {wildcards.shard}"
    script:
        "../scripts/gather_shard.py"
