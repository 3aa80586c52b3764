# The embedded corpus, drawn from its seed.


rule draw_corpus:
    output:
        shards=get_shards(),
        captions=CAPTIONS,
    log:
        LOGS / "draw_corpus.log",
    benchmark:
        BENCHMARKS / "draw_corpus.tsv"
    priority: 1  # long, and much waits for it
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000),
        runtime=get_growing(30),
    params:
        settings=get_sorted(config["corpus"]),
        code=get_code_hash("draw_corpus.py"),
    message:
        "Draw the pairs of the corpus"
    script:
        "../scripts/draw_corpus.py"
