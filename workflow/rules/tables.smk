# What was measured, gathered: a table an experiment, the original's own files, and the verdicts.


rule tabulate_comparison:
    input:
        metrics=expand(
            RESULTS / "evaluations/{model}/pretrained/{dataset}.json",
            model=MODELS,
            dataset=DATASETS,
        ),
    output:
        table=report(
            RESULTS / "tables/clip_vs_laclip.csv",
            caption="../report/table_clip_vs_laclip.rst",
            category="1 Models compared",
            labels={"content": "accuracy and silhouette", "form": "table"},
        ),
    log:
        LOGS / "tabulate_comparison.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        models=list(MODELS),
        datasets=list(DATASETS),
        code=get_code_hash("tabulate_comparison.py"),
    message:
        "Tabulate the pretrained models"
    script:
        "../scripts/tabulate_comparison.py"


rule tabulate_pruning:
    input:
        tables=expand(RESULTS / "pruning/{model}/{dataset}.csv", model=MODELS, dataset=DATASETS),
    output:
        table=report(
            RESULTS / "tables/pruning.csv",
            caption="../report/table_pruning.rst",
            category="2 Pruning neurons",
            labels={"content": "accuracy and silhouette by neurons kept", "form": "table"},
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
        datasets=list(DATASETS),
        code=get_code_hash("tabulate_pruning.py"),
    message:
        "Tabulate the pruning sweeps"
    script:
        "../scripts/tabulate_pruning.py"


rule tabulate_captions:
    input:
        swaps=expand(RESULTS / "permutations/{swap}.json", swap=SWAPS),
    output:
        table=report(
            RESULTS / "tables/captions.csv",
            caption="../report/table_captions.rst",
            category="3 Misaligned captions",
            labels={"content": "the swapped captions", "form": "table"},
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
        swaps=list(SWAPS),  # the order of the rows
        code=get_code_hash("tabulate_captions.py"),
    message:
        "Tabulate the swapped captions"
    script:
        "../scripts/tabulate_captions.py"


rule tabulate_misalignment_accuracy:
    input:
        metrics=expand(
            RESULTS / "evaluations/{model}/{head}/{dataset}.json",
            model=MODELS,
            head=HEADS,
            dataset=DATASETS,
        ),
    output:
        table=report(
            RESULTS / "tables/misalignment_accuracy.csv",
            caption="../report/table_misalignment_accuracy.rst",
            category="3 Misaligned captions",
            labels={"content": "accuracy and silhouette by Cs", "form": "table"},
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
        datasets=list(DATASETS),
        code=get_code_hash("tabulate_misalignment_accuracy.py"),
    message:
        "Tabulate accuracy and silhouette of the fine-tuned heads"
    script:
        "../scripts/tabulate_misalignment_accuracy.py"


rule export_original_tables:
    input:
        comparison=RESULTS / "tables/clip_vs_laclip.csv",
        pruning=RESULTS / "tables/pruning.csv",
    output:
        comparison=[
            RESULTS / f"{model}_full{DIMS[model]}_results/{dataset}_full_feature_acc_ss.csv"
            for model in MODELS
            for dataset in DATASETS
        ],
        accuracy=expand(
            RESULTS / "result_{model}/{dataset}_{model}_accuracy_vs_sam.csv",
            model=MODELS,
            dataset=DATASETS,
        ),
        silhouette=expand(
            RESULTS / "result_{model}/{dataset}_{model}_silhouette_vs_sam.csv",
            model=MODELS,
            dataset=DATASETS,
        ),
    log:
        LOGS / "export_original_tables.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        pairs=[(model, dataset) for model in MODELS for dataset in DATASETS],
        code=get_code_hash("export_original_tables.py"),
    message:
        "Write the tables in the original's own form"
    script:
        "../scripts/export_original_tables.py"
