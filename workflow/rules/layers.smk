# Purity through the depth of the towers: any model's whose weights are there.


rule measure_layers:
    input:
        weights=expand(DATA / "models/{model}/weights.safetensors", model=MODELS),
        heads=expand(RESULTS / "heads/{model}/pretrained.safetensors", model=MODELS),
    output:
        table=report(
            RESULTS / "tables/layers.csv",
            caption="../report/table_layers.rst",
            category="4 Purity of projections",
            labels={"content": "output matrices of all blocks (table)"},
        ),
    log:
        LOGS / "measure_layers.log",
    benchmark:
        BENCHMARKS / "measure_layers.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(30),
    params:
        models=list(MODELS),
        code=get_code_hash("measure_layers.py"),
    message:
        "Measure the purity of all blocks"
    script:
        "../scripts/measure_layers.py"


rule plot_layers:
    input:
        table=RESULTS / "tables/layers.csv",
    output:
        png=report(
            RESULTS / "figures/layers.png",
            caption="../report/layers.rst",
            category="4 Purity of projections",
            labels={"content": "mean |cos| by depth (figure)"},
        ),
        pdf=RESULTS / "figures/layers.pdf",
    log:
        LOGS / "plot_layers.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_layers.py"),
    message:
        "Plot mean |cos| through the towers"
    script:
        "../scripts/plot_layers.py"
