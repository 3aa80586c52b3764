# What fine-tuning leaves: purity after each epoch, whole checkpoints, curves for TensorBoard.


rule measure_training:
    input:
        pretrained=expand(RESULTS / "heads/{model}/pretrained.safetensors", model=MODELS),
        epochs=expand(
            DATA / "heads/{model}/epochs/{condition}.safetensors",
            model=MODELS,
            condition=CONDITIONS,
        ),
    output:
        table=report(
            RESULTS / "tables/training.csv",
            caption="../report/table_training.rst",
            category="3 Misaligned captions",
            labels={"content": "purity by epoch (table)"},
        ),
        parts=expand(
            RESULTS / "finetune/{model}/{condition}/seed{seed}/purity.csv",
            model=MODELS,
            condition=CONDITIONS,
            seed=SEEDS,
        ),
    log:
        LOGS / "measure_training.log",
    benchmark:
        BENCHMARKS / "measure_training.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000),
        runtime=get_growing(60),
    params:
        models=list(MODELS),
        conditions=CONDITIONS,
        seeds=SEEDS,
        code=get_code_hash("measure_training.py"),
    message:
        "Measure purity along fine-tuning"
    script:
        "../scripts/measure_training.py"


rule plot_training:
    input:
        table=RESULTS / "tables/training.csv",
    output:
        png=[
            report(
                RESULTS / f"figures/training_{model}.png",
                caption="../report/training.rst",
                category="3 Misaligned captions",
                labels={"content": f"mean |cos| by epoch: {model} (figure)"},
            )
            for model in MODELS
        ],
        pdf=[RESULTS / f"figures/training_{model}.pdf" for model in MODELS],
    log:
        LOGS / "plot_training.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=list(MODELS),
        code=get_code_hash("plot_training.py"),
    message:
        "Plot mean |cos| along fine-tuning"
    script:
        "../scripts/plot_training.py"


rule export_logs:
    input:
        histories=expand(
            RESULTS / "finetune/{model}/{condition}/histories.json",
            model=MODELS,
            condition=CONDITIONS,
        ),
    output:
        logs=expand(
            RESULTS / "finetune/{model}/{condition}/seed{seed}/log.txt",
            model=MODELS,
            condition=CONDITIONS,
            seed=SEEDS,
        ),
    log:
        LOGS / "export_logs.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        seeds=SEEDS,
        code=get_code_hash("export_logs.py"),
    message:
        "Write the log of every fine-tune as the original names it"
    script:
        "../scripts/export_logs.py"


rule export_checkpoints:
    input:
        weights=DATA / "models/{model}/weights.safetensors",
        epochs=DATA / "heads/{model}/epochs/{condition}.safetensors",
        histories=RESULTS / "finetune/{model}/{condition}/histories.json",
    output:
        last=get_exports("checkpoint.pt"),
        best=get_exports("checkpoint_best.pt"),
    log:
        LOGS / "export_checkpoints/{model}/{condition}.log",
    benchmark:
        BENCHMARKS / "export_checkpoints/{model}/{condition}.tsv"
    conda:
        "../../envs/towers.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(4000),
        runtime=get_growing(60),
    params:
        seeds=EXPORTED_SEEDS,
        layout=get_layout,
        code=get_code_hash("export_checkpoints.py"),
    message:
        "Export whole checkpoints of {wildcards.model} fine-tuned on {wildcards.condition}"
    script:
        "../scripts/export_checkpoints.py"


# On request: snakemake --cores 1 export_tensorboard
rule export_tensorboard:
    input:
        pretraining=expand(RESULTS / "pretraining/{model}.json", model=get_models("scratch")),
        logs=expand(
            RESULTS / "finetune/{model}/{condition}/seed{seed}/log.txt",
            model=MODELS,
            condition=CONDITIONS,
            seed=SEEDS,
        ),
        purity=expand(
            RESULTS / "finetune/{model}/{condition}/seed{seed}/purity.csv",
            model=MODELS,
            condition=CONDITIONS,
            seed=SEEDS,
        ),
    output:
        # TensorBoard looks for "tfevents" in a name
        pretraining=expand(
            RESULTS / "tensorboard/{model}/pretraining/events.out.tfevents.study",
            model=get_models("scratch"),
        ),
        finetuning=expand(
            RESULTS / "tensorboard/{model}/{condition}/seed{seed}/events.out.tfevents.study",
            model=MODELS,
            condition=CONDITIONS,
            seed=SEEDS,
        ),
    log:
        LOGS / "export_tensorboard.log",
    localrule: True
    conda:
        "../../envs/tensorboard.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=get_code_hash("export_tensorboard.py"),
    message:
        "Write the curves of all training for TensorBoard"
    script:
        "../scripts/export_tensorboard.py"
