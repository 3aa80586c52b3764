# Models that are pretrained here, which end as the same three files as every other.


rule pretrain_model:
    input:
        shards=get_shards(),
        captions=CAPTIONS,
    output:
        weights=DATA / "models/{model}/weights.safetensors",
        architecture=DATA / "models/{model}/architecture.json",
        head=RESULTS / "heads/{model}/pretrained.safetensors",
        history=RESULTS / "pretraining/{model}.json",
    log:
        LOGS / "pretrain_model/{model}.log",
    benchmark:
        BENCHMARKS / "pretrain_model/{model}.tsv"
    wildcard_constraints:
        model=get_pattern(get_models("scratch")),
    priority: 1  # long, and much waits for it
    conda:
        "../../envs/towers.yaml"
    threads: get_processes("pretrain")
    resources:
        mem_mb=get_growing(3000, get_pixel_memory(), stage="pretrain"),
        runtime=get_growing(120),
        gpu=get_gpus_of("pretrain"),
        processes=get_processes("pretrain"),
    params:
        model=get_model("captions", "pretrain", "seed"),
        architecture=get_architecture,
        device=config["device"],
        states=lambda wildcards: str(DATA / f"states/pretrain_model/{wildcards.model}"),
        code=get_code_hash("pretrain_model.py"),
    message:
        "Pretrain {wildcards.model}"
    script:
        "../scripts/pretrain_model.py"
