# Every model ends as the same three files: its weights, its architecture, and its head.


rule pretrain_model:
    input:
        shards=get_shards(),
        captions=DATA / f"corpora/{CORPUS}/captions.parquet",
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
    conda:
        "../../envs/towers.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=120,
        gpu=get_gpus,
    params:
        model=lambda wildcards: get_sorted(MODELS[wildcards.model]),
        architecture=get_architecture,
        device=config["device"],
        state=lambda wildcards: str(DATA / f"models/{wildcards.model}/state.pt"),
        code=get_code_hash("pretrain_model.py"),
    message:
        "Pretrain {wildcards.model}"
    script:
        "../scripts/pretrain_model.py"


rule fetch_checkpoint:
    output:
        # kept when the job runs again, if it is the right one
        checkpoint=update("{checkpoint}"),
    log:
        LOGS / "fetch_checkpoint/{checkpoint}.log",
    wildcard_constraints:
        checkpoint=get_pattern(FETCHED),
    retries: 2
    conda:
        "../../envs/towers.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        source=lambda wildcards: get_sorted(FETCHED[wildcards.checkpoint]),
        code=get_code_hash("fetch_checkpoint.py"),
    message:
        "Fetch {wildcards.checkpoint}"
    script:
        "../scripts/fetch_checkpoint.py"


rule import_model:
    input:
        checkpoint=get_checkpoint,
    output:
        weights=DATA / "models/{model}/weights.safetensors",
        architecture=DATA / "models/{model}/architecture.json",
        head=RESULTS / "heads/{model}/pretrained.safetensors",
    log:
        LOGS / "import_model/{model}.log",
    benchmark:
        BENCHMARKS / "import_model/{model}.tsv"
    wildcard_constraints:
        model=get_pattern(get_models("laclip", "open_clip")),
    conda:
        "../../envs/towers.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=30,
    params:
        model=lambda wildcards: get_sorted(MODELS[wildcards.model]),
        architecture=get_architecture,
        layout=get_layout,
        code=get_code_hash("import_model.py"),
    message:
        "Import {wildcards.model} from {input.checkpoint}"
    script:
        "../scripts/import_model.py"
