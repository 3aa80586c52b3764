# Experiments 1 and 2, and the downstream side of experiment 3: matrix products on cached features.


rule evaluate_heads:
    input:
        heads=RESULTS / "heads/{model}/{head}.safetensors",
        features=DATA / "features/{model}/datasets/{dataset}.safetensors",
    output:
        metrics=RESULTS / "evaluations/{model}/{head}/{dataset}.json",
        per_image=RESULTS / "evaluations/{model}/{head}/{dataset}.npz",
    log:
        LOGS / "evaluate_heads/{model}/{head}/{dataset}.log",
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(5),
    params:
        code=get_code_hash("evaluate_heads.py"),
    message:
        "Evaluate {wildcards.model}, {wildcards.head}, on {wildcards.dataset}"
    script:
        "../scripts/evaluate_heads.py"


rule prune_neurons:
    input:
        heads=RESULTS / "heads/{model}/pretrained.safetensors",
        features=DATA / "features/{model}/datasets/{dataset}.safetensors",
    output:
        table=RESULTS / "pruning/{model}/{dataset}.csv",
    log:
        LOGS / "prune_neurons/{model}/{dataset}.log",
    benchmark:
        BENCHMARKS / "prune_neurons/{model}/{dataset}.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000),
        runtime=get_growing(60),
    params:
        keep=config["pruning"]["keep"],
        draws=config["pruning"]["draws"],
        code=get_code_hash("prune_neurons.py"),
    message:
        "Prune neurons of {wildcards.model} on {wildcards.dataset}"
    script:
        "../scripts/prune_neurons.py"
