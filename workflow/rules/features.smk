# One pass of the frozen towers over every test image and every prompt; all that follows reuses it.


rule extract_dataset_features:
    input:
        weights=DATA / "models/{model}/weights.safetensors",
        architecture=DATA / "models/{model}/architecture.json",
        archives=get_archives,
        names=DATA / "datasets/{dataset}/classnames.txt",
        templates=DATA / "datasets/{dataset}/templates.txt",
    output:
        features=DATA / "features/{model}/datasets/{dataset}.safetensors",
    log:
        LOGS / "extract_dataset_features/{model}/{dataset}.log",
    benchmark:
        BENCHMARKS / "extract_dataset_features/{model}/{dataset}.tsv"
    conda:
        "../../envs/towers.yaml"
    threads: get_decoders()
    resources:
        mem_mb=get_growing(3000),
        runtime=get_growing(60),
        gpu=get_gpus,
    params:
        brought=get_marks(get_archives),
        batch_size=config["evaluation"]["batch_size"],
        precision=config["evaluation"]["precision"],
        max_samples=config["evaluation"]["max_samples"],
        device=config["device"],
        code=get_code_hash("extract_dataset_features.py"),
    message:
        "Extract {wildcards.model}'s features of {wildcards.dataset}"
    script:
        "../scripts/extract_dataset_features.py"
