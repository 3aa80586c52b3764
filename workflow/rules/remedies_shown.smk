# What the remedies restored, in tables and figures.


rule tabulate_remedies:
    input:
        heads=expand(
            RESULTS / "remedies/{model}/{condition}.safetensors",
            model=MODELS,
            condition=REMEDIED,
        ),
        effects=expand(
            RESULTS / "remedies/{model}/{condition}.json", model=MODELS, condition=REMEDIED
        ),
        metrics=expand(
            RESULTS / "evaluations/{model}/remedies/{condition}.json",
            model=MODELS,
            condition=REMEDIED,
        ),
    output:
        purity=report(
            RESULTS / "tables/remedies.csv",
            caption="../report/table_remedies.rst",
            category="3 Misaligned captions",
            labels={"content": "what remedies changed, and purity (table)"},
        ),
        accuracy=report(
            RESULTS / "tables/remedies_accuracy.csv",
            caption="../report/table_remedies_accuracy.rst",
            category="3 Misaligned captions",
            labels={"content": "accuracy and silhouette after remedies (table)"},
        ),
    log:
        LOGS / "tabulate_remedies.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=list(MODELS),
        conditions=REMEDIED,
        code=get_code_hash("tabulate_remedies.py"),
    message:
        "Tabulate what remedies restored"
    script:
        "../scripts/tabulate_remedies.py"


rule plot_remedies:
    input:
        misalignment=RESULTS / "tables/misalignment.csv",
        misalignment_accuracy=RESULTS / "tables/misalignment_accuracy.csv",
        remedies=RESULTS / "tables/remedies.csv",
        remedies_accuracy=RESULTS / "tables/remedies_accuracy.csv",
    output:
        png=[
            report(
                RESULTS / f"figures/remedies_{model}.png",
                caption="../report/remedies.rst",
                category="3 Misaligned captions",
                labels={"content": f"what remedies restore: {model} (figure)"},
            )
            for model in MODELS
        ],
        pdf=[RESULTS / f"figures/remedies_{model}.pdf" for model in MODELS],
    log:
        LOGS / "plot_remedies.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=list(MODELS),
        code=get_code_hash("plot_remedies.py"),
    message:
        "Plot what remedies restore"
    script:
        "../scripts/plot_remedies.py"
