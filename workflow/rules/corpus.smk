# The corpus and the downstream datasets, in the form that every later rule reads.


rule draw_corpus:
    output:
        shards=get_shards(),
        captions=DATA / f"corpora/{CORPUS}/captions.parquet",
    log:
        LOGS / "draw_corpus.log",
    benchmark:
        BENCHMARKS / "draw_corpus.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=config["corpus"],
        code=get_code_hash("draw_corpus.py"),
    message:
        "Draw the pairs of the corpus"
    script:
        "../scripts/draw_corpus.py"


rule draw_dataset:
    output:
        archive=DATA / "datasets/{dataset}/test.tar",
        names=DATA / "datasets/{dataset}/classnames.txt",
        templates=DATA / "datasets/{dataset}/templates.txt",
    log:
        LOGS / "draw_dataset/{dataset}.log",
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        task=lambda wildcards: DATASETS[wildcards.dataset]["task"],
        images=lambda wildcards: DATASETS[wildcards.dataset]["images"],
        seed=lambda wildcards: DATASETS[wildcards.dataset]["seed"],
        code=get_code_hash("draw_dataset.py"),
    message:
        "Draw the test images of {wildcards.dataset}"
    script:
        "../scripts/draw_dataset.py"
