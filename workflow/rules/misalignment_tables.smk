# Experiment 3: what the swaps are, and what they do to purity and accuracy.


rule tabulate_captions:
    input:
        swaps=get_swap_summaries(),
    output:
        table=report(
            RESULTS / "tables/captions.csv",
            caption="../report/table_captions.rst",
            category="3 Misaligned captions",
            labels={"content": "the swapped captions (table)"},
        ),
    log:
        LOGS / "tabulate_captions.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        # the order of the rows
        swaps=list(SWAPS),
        seeds=SEEDS,
        code=get_code_hash("tabulate_captions.py"),
    message:
        "Tabulate the swapped captions"
    script:
        "../scripts/tabulate_captions.py"


rule measure_purity:
    input:
        heads=[path for model in MODELS for path in get_heads(model)],
        sensitivity=expand(
            RESULTS / "heads/{model}/sensitivity/{condition}.safetensors",
            model=MODELS,
            condition=CONDITIONS,
        ),
        swaps=get_swap_summaries(),
    output:
        table=report(
            RESULTS / "tables/misalignment.csv",
            caption="../report/table_misalignment.rst",
            category="3 Misaligned captions",
            labels={"content": "purity of the projections (table)"},
        ),
        sensitivity=report(
            RESULTS / "tables/sensitivity.csv",
            caption="../report/table_sensitivity.rst",
            category="3 Misaligned captions",
            labels={"content": "purity under other recipes (table)"},
        ),
    log:
        LOGS / "measure_purity.log",
    benchmark:
        BENCHMARKS / "measure_purity.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(30),
    params:
        models=list(MODELS),
        conditions=CONDITIONS,
        recipes=get_recipes(["lr", "epochs"]),
        code=get_code_hash("measure_purity.py"),
    message:
        "Measure the purity of all projections"
    script:
        "../scripts/measure_purity.py"


rule tabulate_misalignment_accuracy:
    input:
        metrics=expand(
            RESULTS / "evaluations/{model}/{head}/{dataset}.json",
            model=MODELS,
            head=HEADS,
            dataset=TESTED,
        ),
    output:
        table=report(
            RESULTS / "tables/misalignment_accuracy.csv",
            caption="../report/table_misalignment_accuracy.rst",
            category="3 Misaligned captions",
            labels={"content": "accuracy and silhouette by Cs (table)"},
        ),
    log:
        LOGS / "tabulate_misalignment_accuracy.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        models=list(MODELS),
        heads=HEADS,
        datasets=TESTED,
        code=get_code_hash("tabulate_misalignment_accuracy.py"),
    message:
        "Tabulate accuracy and silhouette of the fine-tuned heads"
    script:
        "../scripts/tabulate_misalignment_accuracy.py"
