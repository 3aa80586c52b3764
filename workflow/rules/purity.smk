# Purity: of all heads in one table, and of single ones against the control.


rule measure_purity:
    input:
        heads=[path for model in MODELS for path in get_heads(model)],
        sensitivity=expand(
            RESULTS / "heads/{model}/sensitivity/{condition}.safetensors",
            model=MODELS,
            condition=CONDITIONS,
        ),
        swaps=expand(RESULTS / "permutations/{swap}.json", swap=SWAPS),
    output:
        table=report(
            RESULTS / "tables/misalignment.csv",
            caption="../report/table_misalignment.rst",
            category="3 Misaligned captions",
            labels={"content": "purity of the projections", "form": "table"},
        ),
        sensitivity=report(
            RESULTS / "tables/sensitivity.csv",
            caption="../report/table_sensitivity.rst",
            category="3 Misaligned captions",
            labels={"content": "purity under other recipes", "form": "table"},
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


rule analyze_purity:
    input:
        heads=get_compared_heads,
    output:
        table=report(
            RESULTS / "purity/{model}_{strategy}.csv",
            caption="../report/table_purity.rst",
            category="3 Misaligned captions",
            labels={
                "content": "heads against the control ({strategy})",
                "model": "{model}",
                "form": "table",
            },
        ),
        plot=RESULTS / "purity/{model}_{strategy}.png",
        histogram=RESULTS / "purity/{model}_{strategy}_histogram.png",
    log:
        LOGS / "analyze_purity/{model}_{strategy}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        checkpoints=get_compared_checkpoints,
        code=get_code_hash("analyze_purity.py"),
    message:
        "Compare the heads of {wildcards.model} ({wildcards.strategy}) with the control"
    script:
        "../scripts/analyze_purity.py"
