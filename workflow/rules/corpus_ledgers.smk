# What follows from the ledgers of a corpus's shards: the pairs that exist, and why others do not.


rule summarise_corpus:
    input:
        ledgers=get_ledgers(),
    output:
        table=report(
            RESULTS / "tables/corpus.csv",
            caption="../report/table_corpus.rst",
            category="0 Corpus",
            labels={"content": "what came of all rows (table)"},
        ),
        dropped=DATA / f"corpora/{CORPUS}/dropped.csv",
    log:
        LOGS / "summarise_corpus.log",
    localrule: True
    conda:
        "../../envs/download.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        min_success=config["corpus"]["min_success"],
        code=get_code_hash("summarise_corpus.py"),
    message:
        "Summarise what came of all rows of the corpus"
    script:
        "../scripts/summarise_corpus.py"


rule tabulate_corpus:
    input:
        ledgers=get_ledgers(),
        # nothing is built on a corpus of which too little could be had
        summary=RESULTS / "tables/corpus.csv",
        key_list=get_brought("keys"),
        rewrites=get_brought("rewrites", "files"),
        originals=get_brought("rewrites", "captions"),
        rewritten=get_rewritten_list(),
    output:
        captions=CAPTIONS,
    log:
        LOGS / "tabulate_corpus.log",
    benchmark:
        BENCHMARKS / "tabulate_corpus.tsv"
    conda:
        "../../envs/download.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(6000, 1000),
        runtime=get_growing(60),
    params:
        brought=get_marks(
            get_brought("keys"),
            get_brought("rewrites", "files"),
            get_brought("rewrites", "captions"),
        ),
        pairs=config["corpus"]["pairs"],
        validation_pairs=config["corpus"]["validation_pairs"],
        # the first line of a table names its columns
        has_names=config["corpus"]["kind"] == "table",
        code=get_code_hash("tabulate_corpus.py"),
    message:
        "Tabulate the captions of the corpus"
    script:
        "../scripts/tabulate_corpus.py"
