# Models that come as checkpoints end as three files: weights, architecture and head.


rule fetch_checkpoint:
    output:
        # kept when the job runs again, if it is the right one
        checkpoint=update("{checkpoint}"),
    log:
        LOGS / "fetch_checkpoint/{checkpoint}.log",
    benchmark:
        BENCHMARKS / "fetch_checkpoint/{checkpoint}.tsv"
    wildcard_constraints:
        checkpoint=get_pattern(FETCHED),
    retries: 2
    conda:
        "../../envs/towers.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000),
        runtime=get_growing(240),
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
        mem_mb=get_growing(8000),
        runtime=get_growing(30),
    params:
        brought=get_marks(get_checkpoint),
        model=get_model("architecture", "pretrained", "sha256"),
        architecture=get_architecture,
        layout=get_layout,
        code=get_code_hash("import_model.py"),
    message:
        "Import {wildcards.model} from {input.checkpoint}"
    script:
        "../scripts/import_model.py"
