# Experiment 1: pretrained models compared, by matrix products on cached features.


rule evaluate_heads:
    input:
        heads=RESULTS / "heads/{model}/{head}.safetensors",
        features=expand(DATA / "features/{{model}}/datasets/{dataset}.safetensors", dataset=TESTED),
    output:
        metrics=expand(RESULTS / "evaluations/{{model}}/{{head}}/{dataset}.json", dataset=TESTED),
        per_image=expand(RESULTS / "evaluations/{{model}}/{{head}}/{dataset}.npz", dataset=TESTED),
    log:
        LOGS / "evaluate_heads/{model}/{head}.log",
    benchmark:
        BENCHMARKS / "evaluate_heads/{model}/{head}.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(10),
    params:
        code=get_code_hash("evaluate_heads.py"),
    message:
        "Evaluate {wildcards.model}, {wildcards.head}, on all datasets"
    script:
        "../scripts/evaluate_heads.py"


rule tabulate_comparison:
    input:
        metrics=expand(
            RESULTS / "evaluations/{model}/pretrained/{dataset}.json",
            model=MODELS,
            dataset=TESTED,
        ),
        per_image=expand(
            RESULTS / "evaluations/{model}/pretrained/{dataset}.npz",
            model=MODELS,
            dataset=TESTED,
        ),
    output:
        table=report(
            RESULTS / "tables/clip_vs_laclip.csv",
            caption="../report/table_clip_vs_laclip.rst",
            category="1 Models compared",
            labels={"content": "accuracy and silhouette (table)"},
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
        datasets=TESTED,
        published={name: model.get("published", {}) for name, model in MODELS.items()},
        code=get_code_hash("tabulate_comparison.py"),
    message:
        "Tabulate the pretrained models"
    script:
        "../scripts/tabulate_comparison.py"


rule tabulate_replicates:
    input:
        metrics=expand(
            RESULTS / "evaluations/{run}/pretrained/{dataset}.json",
            run=RUNS,
            dataset=TESTED,
        ),
    output:
        table=report(
            RESULTS / "tables/pretraining_seeds.csv",
            caption="../report/table_pretraining_seeds.rst",
            category="1 Models compared",
            labels={"content": "accuracy by pretraining seed (table)"},
        ),
    log:
        LOGS / "tabulate_replicates.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        places=get_run_places(RUNS),
        code=get_code_hash("tabulate_replicates.py"),
    message:
        "Tabulate the pretrained models by the seeds of their pretraining"
    script:
        "../scripts/tabulate_replicates.py"


rule export_comparison_tables:
    input:
        table=RESULTS / "tables/clip_vs_laclip.csv",
    output:
        tables=[
            RESULTS
            / f"{model}_full{ARCHITECTURES[model]['embed_dim']}_results/{dataset}_full_feature_acc_ss.csv"
            for model in MODELS
            for dataset in TESTED
        ],
    log:
        LOGS / "export_comparison_tables.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        pairs=[(model, dataset) for model in MODELS for dataset in TESTED],
        code=get_code_hash("export_comparison_tables.py"),
    message:
        "Write the table of models in the original's own form"
    script:
        "../scripts/export_comparison_tables.py"


rule plot_comparison:
    input:
        table=RESULTS / "tables/clip_vs_laclip.csv",
        control=get_control_table(),
    output:
        png=report(
            RESULTS / "figures/comparison.png",
            caption="../report/comparison.rst",
            category="1 Models compared",
            labels={"content": "accuracy and silhouette (figure)"},
        ),
        pdf=RESULTS / "figures/comparison.pdf",
    log:
        LOGS / "plot_comparison.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_comparison.py"),
    message:
        "Plot the pretrained models side by side"
    script:
        "../scripts/plot_comparison.py"


rule plot_embeddings:
    input:
        features=expand(DATA / "features/{model}/datasets/{{dataset}}.safetensors", model=MODELS),
        heads=expand(RESULTS / "heads/{model}/pretrained.safetensors", model=MODELS),
    output:
        png=report(
            RESULTS / "figures/embeddings_{dataset}.png",
            caption="../report/embeddings.rst",
            category="1 Models compared",
            labels={"content": "image embeddings by class: {dataset} (figure)"},
        ),
        pdf=RESULTS / "figures/embeddings_{dataset}.pdf",
    log:
        LOGS / "plot_embeddings/{dataset}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=list(MODELS),
        dataset=lambda wildcards: wildcards.dataset,
        code=get_code_hash("plot_embeddings.py"),
    message:
        "Plot the embeddings of {wildcards.dataset}"
    script:
        "../scripts/plot_embeddings.py"
