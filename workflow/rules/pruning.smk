# Experiment 2: the purest neurons kept, the least pure ones, or random ones.


rule prune_neurons:
    input:
        heads=RESULTS / "heads/{model}/pretrained.safetensors",
        features=DATA / "features/{model}/datasets/{dataset}.safetensors",
    output:
        table=RESULTS / "pruning/{model}/{dataset}.csv",
        orders=RESULTS / "pruning/{model}/{dataset}.npz",
    log:
        LOGS / "prune_neurons/{model}/{dataset}.log",
    benchmark:
        BENCHMARKS / "prune_neurons/{model}/{dataset}.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000),
        runtime=get_growing(60),
    params:
        keep=config["pruning"]["keep"],
        draws=config["pruning"]["draws"],
        orders={key: config["pruning"][key] for key in ("orders", "silhouette_orders")},
        code=get_code_hash("prune_neurons.py"),
    message:
        "Prune neurons of {wildcards.model} on {wildcards.dataset}"
    script:
        "../scripts/prune_neurons.py"


rule tabulate_pruning:
    input:
        tables=expand(RESULTS / "pruning/{model}/{dataset}.csv", model=MODELS, dataset=TESTED),
    output:
        table=report(
            RESULTS / "tables/pruning.csv",
            caption="../report/table_pruning.rst",
            category="2 Pruning neurons",
            labels={"content": "accuracy and silhouette by neurons kept (table)"},
        ),
    log:
        LOGS / "tabulate_pruning.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        # the order of the rows
        models=list(MODELS),
        datasets=TESTED,
        code=get_code_hash("tabulate_pruning.py"),
    message:
        "Tabulate the pruning sweeps"
    script:
        "../scripts/tabulate_pruning.py"


rule export_pruning_tables:
    input:
        table=RESULTS / "tables/pruning.csv",
    output:
        accuracy=expand(
            RESULTS / "result_{model}/{dataset}_{model}_accuracy_vs_sam.csv",
            model=MODELS,
            dataset=TESTED,
        ),
        silhouette=expand(
            RESULTS / "result_{model}/{dataset}_{model}_silhouette_vs_sam.csv",
            model=MODELS,
            dataset=TESTED,
        ),
    log:
        LOGS / "export_pruning_tables.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        pairs=[(model, dataset) for model in MODELS for dataset in TESTED],
        code=get_code_hash("export_pruning_tables.py"),
    message:
        "Write the table of pruning in the original's own form"
    script:
        "../scripts/export_pruning_tables.py"


rule plot_pruning:
    input:
        table=RESULTS / "tables/pruning.csv",
        comparison=RESULTS / "tables/clip_vs_laclip.csv",
        control=get_control_table(),
    output:
        png=[
            report(
                RESULTS / f"figures/pruning_{dataset}.png",
                caption="../report/pruning.rst",
                category="2 Pruning neurons",
                labels={"content": f"accuracy and silhouette by neurons kept: {dataset} (figure)"},
            )
            for dataset in TESTED
        ],
        pdf=[RESULTS / f"figures/pruning_{dataset}.pdf" for dataset in TESTED],
    log:
        LOGS / "plot_pruning.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        datasets=TESTED,
        code=get_code_hash("plot_pruning.py"),
    message:
        "Plot the pruning sweeps"
    script:
        "../scripts/plot_pruning.py"
