# More ways of looking downstream: linear probe, nearest neighbours, retrieval on held-out pairs.


rule draw_pairs:
    output:
        shard=DATA / f"pairs/{PAIRS.get('name')}.tar",
        captions=DATA / f"pairs/{PAIRS.get('name')}.parquet",
    log:
        LOGS / "draw_pairs.log",
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000),
        runtime=get_growing(10),
    params:
        settings=get_sorted(PAIRS),
        code=get_code_hash("draw_pairs.py"),
    message:
        "Draw the held-out pairs"
    script:
        "../scripts/draw_pairs.py"


# All that probes and retrieval need of a model, in one job: most of its time goes to its start.
rule extract_held_out:
    input:
        weights=DATA / "models/{model}/weights.safetensors",
        architecture=DATA / "models/{model}/architecture.json",
        archives=get_probed_archives(),
        names=get_class_names(TRAINED.values()),
        tested=get_class_names(TRAINED),
        pairs=get_pair_shards(),
    output:
        features=DATA / "features/{model}/held_out.safetensors",
    log:
        LOGS / "extract_held_out/{model}.log",
    benchmark:
        BENCHMARKS / "extract_held_out/{model}.tsv"
    conda:
        "../../envs/towers.yaml"
    threads: get_decoders()
    resources:
        mem_mb=get_growing(3000),
        runtime=get_growing(120),
        gpu=get_gpus,
    params:
        brought=get_marks(get_probed_archives(), get_pair_shards()),
        archives={tested: list_archives(name) for tested, name in TRAINED.items()},
        pairs=PAIRS.get("pairs"),
        context_length=CONTEXT_LENGTH,
        batch_size=config["evaluation"]["batch_size"],
        precision=config["evaluation"]["precision"],
        max_samples=config["evaluation"]["max_samples"],
        device=config["device"],
        code=get_code_hash("extract_held_out.py"),
    message:
        "Extract {wildcards.model}'s features of training images and held-out pairs"
    script:
        "../scripts/extract_held_out.py"


rule measure_downstream:
    input:
        heads=lambda wildcards: get_heads(wildcards.model),
        held_out=DATA / "features/{model}/held_out.safetensors",
        features=[DATA / f"features/{{model}}/datasets/{name}.safetensors" for name in TRAINED],
    output:
        scores=RESULTS / "downstream/{model}.json",
    log:
        LOGS / "measure_downstream/{model}.log",
    benchmark:
        BENCHMARKS / "measure_downstream/{model}.tsv"
    conda:
        "../../envs/towers.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(4000),
        runtime=get_growing(120),
    params:
        heads=HEADS,
        datasets=list(TRAINED),
        pairs=PAIRS.get("name"),
        neighbours=config["downstream"]["neighbours"],
        probe=get_sorted(config["downstream"]["probe"]),
        code=get_code_hash("measure_downstream.py"),
    message:
        "Probe {wildcards.model}'s heads, and retrieve by them"
    script:
        "../scripts/measure_downstream.py"


rule tabulate_downstream:
    input:
        scores=expand(RESULTS / "downstream/{model}.json", model=MODELS),
    output:
        table=report(
            RESULTS / "tables/downstream.csv",
            caption="../report/table_downstream.rst",
            category="3 Misaligned captions",
            labels={"content": "linear probe, nearest neighbours, retrieval (table)"},
        ),
    log:
        LOGS / "tabulate_downstream.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        models=list(MODELS),
        code=get_code_hash("tabulate_downstream.py"),
    message:
        "Tabulate linear probes, nearest neighbours and retrieval"
    script:
        "../scripts/tabulate_downstream.py"


rule plot_downstream:
    input:
        table=RESULTS / "tables/downstream.csv",
    output:
        png=report(
            RESULTS / "figures/downstream.png",
            caption="../report/downstream.rst",
            category="3 Misaligned captions",
            labels={"content": "linear probe, nearest neighbours, retrieval by Cs (figure)"},
        ),
        pdf=RESULTS / "figures/downstream.pdf",
    log:
        LOGS / "plot_downstream.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_downstream.py"),
    message:
        "Plot linear probes, nearest neighbours and retrieval against Cs"
    script:
        "../scripts/plot_downstream.py"
