# The corpus and the downstream datasets, in the form that every later rule reads.


include: f"corpus_{config['corpus']['kind']}.smk"


rule draw_dataset:
    output:
        archive=DATA / "datasets/{dataset}/test.tar",
        names=DATA / "datasets/{dataset}/classnames.txt",
        templates=DATA / "datasets/{dataset}/templates.txt",
    log:
        LOGS / "draw_dataset/{dataset}.log",
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
        code=get_code_hash("draw_dataset.py"),
    message:
        "Draw the test images of {wildcards.dataset}"
    script:
        "../scripts/draw_dataset.py"
