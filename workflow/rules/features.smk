# One pass of the frozen towers over every image and every caption; all that follows reuses it.


rule extract_corpus_features:
    input:
        weights=DATA / "models/{model}/weights.safetensors",
        shards=get_shards(),
        captions=DATA / f"corpora/{CORPUS}/captions.parquet",
    output:
        images=DATA / f"features/{{model}}/{CORPUS}/images.npy",
        texts=DATA / f"features/{{model}}/{CORPUS}/texts.npy",
    log:
        LOGS / "extract_corpus_features/{model}.log",
    benchmark:
        BENCHMARKS / "extract_corpus_features/{model}.tsv"
    conda:
        "../../envs/towers.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(3000),
        runtime=get_growing(120),
        gpu=get_gpus,
    params:
        architecture=get_architecture,
        views=config["finetune"]["views"],
        # a single view is no random crop
        crop_scale=config["finetune"]["crop_scale"] if config["finetune"]["views"] > 1 else None,
        batch_size=config["evaluation"]["batch_size"],
        device=config["device"],
        code=get_code_hash("extract_corpus_features.py"),
    message:
        "Extract {wildcards.model}'s features of the corpus"
    script:
        "../scripts/extract_corpus_features.py"


rule extract_dataset_features:
    input:
        weights=DATA / "models/{model}/weights.safetensors",
        archive=DATA / "datasets/{dataset}/test.tar",
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
    threads: 1
    resources:
        mem_mb=get_growing(3000),
        runtime=get_growing(60),
        gpu=get_gpus,
    params:
        architecture=get_architecture,
        batch_size=config["evaluation"]["batch_size"],
        max_samples=config["evaluation"]["max_samples"],
        device=config["device"],
        code=get_code_hash("extract_dataset_features.py"),
    message:
        "Extract {wildcards.model}'s features of {wildcards.dataset}"
    script:
        "../scripts/extract_dataset_features.py"
