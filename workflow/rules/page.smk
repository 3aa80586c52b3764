# The page to look into: curves and neurons of the study in one HTML file that needs no network.

PAGE = config["page"]
# Pairs that no model was trained on have captions, and features where heads are fine-tuned.
HELD_OUT = bool(CONDITIONS) and config["corpus"]["validation_pairs"] > 0


rule describe_neurons:
    input:
        heads=[path for model in MODELS for path in get_heads(model)],
        features=[
            DATA / f"features/{model}/datasets/{dataset}.safetensors"
            for dataset in TESTED
            for model in MODELS
        ],
        archives=[path for name in TESTED for path in list_archives(name)],
        captions=get_captions() if HELD_OUT else [],
        shards=get_shards() if HELD_OUT else [],
        images=[
            path
            for model in MODELS
            if HELD_OUT
            for path in expand(get_image_features(), model=model)
        ],
        texts=(
            expand(DATA / f"features/{{model}}/{CORPUS}/texts.npy", model=MODELS)
            if HELD_OUT
            else []
        ),
    output:
        neurons=RESULTS / "page/neurons.json",
        sheets=[RESULTS / f"page/datasets/{dataset}.webp" for dataset in TESTED]
        + ([RESULTS / "page/held_out.webp"] if HELD_OUT else []),
    log:
        LOGS / "describe_neurons.log",
    benchmark:
        BENCHMARKS / "describe_neurons.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(2000, 5000),
        runtime=get_growing(60),
    params:
        models=list(MODELS),
        heads=HEADS,
        archives={name: list_archives(name) for name in TESTED},
        limits=[
            *map(PAGE.get, ("neurons", "images", "thumbnail")),
            config["evaluation"]["max_samples"],
        ],
        seed=FIRST_SEED,
        shards_per_job=config.get("finetune", {}).get("shards_per_job"),
        code=get_code_hash("describe_neurons.py"),
    message:
        "Describe the neurons of all models and heads"
    script:
        "../scripts/describe_neurons.py"


rule write_page:
    input:
        neurons=RESULTS / "page/neurons.json",
        sheets=rules.describe_neurons.output.sheets,
        comparison=RESULTS / "tables/clip_vs_laclip.csv",
        pruning=[RESULTS / "tables/pruning.csv"] if "pruning" in config else [],
        misalignment=[RESULTS / "tables/misalignment.csv"] if CONDITIONS else [],
        accuracy=get_control_table(),
        template=Path(workflow.basedir, "workflow/page/page.html"),
        style=Path(workflow.basedir, "workflow/page/page.css"),
        scripts=[Path(workflow.basedir, "workflow/page", name) for name in ("chart.js", "page.js")],
    output:
        # The report links to it: what the report itself holds, a browser opens up to 2 MB.
        page=RESULTS / "page.html",
    log:
        LOGS / "write_page.log",
    localrule: True
    conda:
        "../../envs/page.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("write_page.py"),
    message:
        "Write the page to look into"
    script:
        "../scripts/write_page.py"
