# A corpus downloaded from a list of captions and URLs: one job a shard.


rule download_shard:
    input:
        urls=config["corpus"]["urls"],
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
        first=get_first_row,
        rows=get_row_count,
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


rule summarise_download:
    input:
        ledgers=get_ledgers(),
    output:
        table=report(
            RESULTS / "tables/download.csv",
            caption="../report/table_download.rst",
            category="0 Corpus",
            labels={"content": "what came of all URLs", "form": "table"},
        ),
    log:
        LOGS / "summarise_download.log",
    localrule: True
    conda:
        "../../envs/download.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        min_success=config["corpus"]["download"]["min_success"],
        code=get_code_hash("summarise_download.py"),
    message:
        "Summarise the download"
    script:
        "../scripts/summarise_download.py"


rule tabulate_corpus:
    input:
        shards=get_shards(),
        # nothing is built on a download of which too little succeeded
        summary=RESULTS / "tables/download.csv",
    output:
        captions=DATA / f"corpora/{CORPUS}/captions.parquet",
    log:
        LOGS / "tabulate_corpus.log",
    conda:
        "../../envs/download.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000),
        runtime=get_growing(30),
    params:
        validation_from=config["corpus"]["pairs"],
        code=get_code_hash("tabulate_corpus.py"),
    message:
        "Tabulate the captions of the corpus"
    script:
        "../scripts/tabulate_corpus.py"
