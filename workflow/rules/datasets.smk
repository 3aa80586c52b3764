# The downstream datasets, in the form that every later rule reads.


rule draw_dataset:
    output:
        archive=DATA / "datasets/{dataset}/test.tar",
        names=DATA / "datasets/{dataset}/classnames.txt",
        templates=DATA / "datasets/{dataset}/templates.txt",
    log:
        LOGS / "draw_dataset/{dataset}.log",
    wildcard_constraints:
        dataset=get_pattern(get_datasets("glyphs")),
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(10),
    params:
        task=lambda wildcards: DATASETS[wildcards.dataset]["task"],
        images=lambda wildcards: DATASETS[wildcards.dataset]["images"],
        seed=lambda wildcards: DATASETS[wildcards.dataset]["seed"],
        training=lambda wildcards: "train_of" in DATASETS[wildcards.dataset],
        code=get_code_hash("draw_dataset.py"),
    message:
        "Draw the images of {wildcards.dataset}"
    script:
        "../scripts/draw_dataset.py"


# Folders of images, and what torchvision reads: brought, or downloaded by this very job.
rule prepare_dataset:
    input:
        get_dataset_files,
    output:
        archive=DATA / "datasets/{dataset}/test.tar",
        names=DATA / "datasets/{dataset}/classnames.txt",
        templates=DATA / "datasets/{dataset}/templates.txt",
    log:
        LOGS / "prepare_dataset/{dataset}.log",
    benchmark:
        BENCHMARKS / "prepare_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=get_pattern(get_datasets("torchvision", "image_folder")),
    conda:
        "../../envs/datasets.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(3000),
        runtime=get_growing(480),
    params:
        brought=get_marks(get_dataset_files),
        dataset=lambda wildcards: get_sorted(DATASETS[wildcards.dataset]),
        entry=get_registry_entry,
        images=get_folder_fingerprint,
        code=get_code_hash("prepare_dataset.py"),
    message:
        "Prepare the images of {wildcards.dataset}"
    script:
        "../scripts/prepare_dataset.py"


# Shards that a user has are read where they lie: only their prompts are written.
rule prepare_prompts:
    input:
        get_dataset_files,
    output:
        names=DATA / "datasets/{dataset}/classnames.txt",
        templates=DATA / "datasets/{dataset}/templates.txt",
    log:
        LOGS / "prepare_prompts/{dataset}.log",
    wildcard_constraints:
        dataset=get_pattern(get_datasets("webdataset")),
    conda:
        "../../envs/datasets.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(10),
    params:
        brought=get_marks(get_dataset_files),
        classnames=lambda wildcards: DATASETS[wildcards.dataset]["classnames"],
        templates=lambda wildcards: DATASETS[wildcards.dataset].get("templates", "photo"),
        code=get_code_hash("prepare_prompts.py"),
    message:
        "Write the prompts of {wildcards.dataset}"
    script:
        "../scripts/prepare_prompts.py"
