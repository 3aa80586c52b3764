# Can swapped pairs be found, and what helps against them?


rule detect_swaps:
    input:
        head=RESULTS / "heads/{model}/pretrained.safetensors",
        captions=CAPTIONS,
        images=get_image_features(),
        texts=DATA / f"features/{{model}}/{CORPUS}/texts.npy",
        permutations=expand(
            RESULTS / "permutations/{swap}{suffix}.npy", swap=SWAPS, suffix=SEED_SUFFIXES
        ),
    output:
        scores=RESULTS / "detection/{model}.json",
    log:
        LOGS / "detect_swaps/{model}.log",
    benchmark:
        BENCHMARKS / "detect_swaps/{model}.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000, 14000),
        runtime=get_growing(60),
    params:
        swaps=[swap | {"seed": seed} for swap in SWAPS.values() for seed in SEEDS],
        shards_per_job=config["finetune"]["shards_per_job"],
        code=get_code_hash("detect_swaps.py"),
    message:
        "Detect swapped pairs by {wildcards.model}'s cosines"
    script:
        "../scripts/detect_swaps.py"


rule tabulate_detection:
    input:
        scores=expand(RESULTS / "detection/{model}.json", model=MODELS),
    output:
        table=report(
            RESULTS / "tables/detection.csv",
            caption="../report/table_detection.rst",
            category="3 Misaligned captions",
            labels={"content": "swapped pairs detected (table)"},
        ),
    log:
        LOGS / "tabulate_detection.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        models=list(MODELS),
        code=get_code_hash("tabulate_detection.py"),
    message:
        "Tabulate how well swapped pairs are detected"
    script:
        "../scripts/tabulate_detection.py"


rule plot_detection:
    input:
        scores=expand(RESULTS / "detection/{model}.json", model=MODELS),
    output:
        png=report(
            RESULTS / "figures/detection.png",
            caption="../report/detection.rst",
            category="3 Misaligned captions",
            labels={"content": "cosines of aligned and swapped pairs (figure)"},
        ),
        pdf=RESULTS / "figures/detection.pdf",
    log:
        LOGS / "plot_detection.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=list(MODELS),
        code=get_code_hash("plot_detection.py"),
    message:
        "Plot how well swapped pairs are detected"
    script:
        "../scripts/plot_detection.py"


rule finetune_remedies:
    input:
        head=RESULTS / "heads/{model}/pretrained.safetensors",
        captions=CAPTIONS,
        images=get_image_features(),
        texts=DATA / f"features/{{model}}/{CORPUS}/texts.npy",
        permutations=get_permutations,
    output:
        heads=RESULTS / "remedies/{model}/{condition}.safetensors",
        effects=RESULTS / "remedies/{model}/{condition}.json",
    log:
        LOGS / "finetune_remedies/{model}/{condition}.log",
    benchmark:
        BENCHMARKS / "finetune_remedies/{model}/{condition}.tsv"
    conda:
        "../../envs/towers.yaml"
    threads: get_processes("finetune")
    resources:
        mem_mb=get_growing(4000, 28000, stage="finetune"),
        runtime=get_growing(120),
        gpu=get_gpus_of("finetune"),
        processes=get_processes("finetune"),
    params:
        settings=get_remedy_settings(),
        recipe=get_recipes(FINETUNE_KEYS)["main"],
        seeds=SEEDS,
        shards_per_job=config["finetune"]["shards_per_job"],
        device=config["device"],
        states=lambda wildcards: str(
            DATA / f"states/finetune_remedies/{wildcards.model}/{wildcards.condition}"
        ),
        code=get_code_hash("finetune_remedies.py"),
    message:
        "Fine-tune {wildcards.model} on {wildcards.condition} after each remedy, all seeds"
    script:
        "../scripts/finetune_remedies.py"


rule evaluate_remedies:
    input:
        heads=RESULTS / "remedies/{model}/{condition}.safetensors",
        features=[DATA / f"features/{{model}}/datasets/{dataset}.safetensors" for dataset in TESTED],
    output:
        metrics=RESULTS / "evaluations/{model}/remedies/{condition}.json",
    log:
        LOGS / "evaluate_remedies/{model}/{condition}.log",
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(10),
    params:
        datasets=TESTED,
        code=get_code_hash("evaluate_remedies.py"),
    message:
        "Evaluate {wildcards.model} on {wildcards.condition} after each remedy"
    script:
        "../scripts/evaluate_remedies.py"
