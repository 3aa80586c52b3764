# Functions that rules take their inputs and parameters from.


def get_sorted(value):
    """A value of the config whose keys' order tells nothing, as a parameter: in one order."""
    if isinstance(value, dict):
        return {key: get_sorted(value[key]) for key in sorted(value)}
    return [get_sorted(each) for each in value] if isinstance(value, list) else value


def get_code_hash(script):
    """Hash of what a rule's script means, with the lib modules that it reaches."""
    return code_hash(Path(workflow.basedir, "workflow/scripts", script), workflow.basedir)


def get_shards():
    """The shards of the corpus."""
    corpus = config["corpus"]
    count = -(-(corpus["pairs"] + corpus["validation_pairs"]) // corpus["pairs_per_shard"])
    return [DATA / f"corpora/{CORPUS}/shards/{CORPUS}-{shard:05d}.tar" for shard in range(count)]


def get_architecture(wildcards):
    return read_architecture(MODELS[wildcards.model]["architecture"], workflow.basedir)


def get_permutations(wildcards):
    """The permutations of all seeds that a condition trains on; none for the control."""
    if wildcards.condition == CONTROL:
        return []
    strategy, cs = wildcards.condition.split("_Cs")
    return [RESULTS / f"permutations/{get_swap_name(strategy, cs, seed)}.npy" for seed in SEEDS]


def get_growing(amount):
    """A resource whose every attempt gets as much again: what was too little is tried with more."""
    return lambda wildcards, attempt: attempt * amount


def get_gpus(wildcards):
    """GPUs that a job which profits from one asks for."""
    return 0 if config["device"] == "cpu" else 1


def get_heads(model):
    """Files of heads of a model, the pretrained one first, then in the order of the conditions."""
    return [RESULTS / f"heads/{model}/{head}.safetensors" for head in HEADS]


def get_checkpoints():
    """Whole checkpoints that a fine-tune exports, the last and the best of each exported seed."""
    return [
        RESULTS / f"finetune/{{model}}/{{condition}}/seed{seed}/{name}.pt"
        for seed in EXPORTED_SEEDS
        for name in ("checkpoint", "checkpoint_best")
    ]


def get_recipes(keys):
    """The named settings of every fine-tuning recipe: the study's own (`main`), then variations."""
    finetune = config["finetune"]
    variations = {recipe["name"]: recipe for recipe in finetune["sensitivity"]}
    return {
        name: {key: recipe.get(key, finetune[key]) for key in keys}
        for name, recipe in {"main": {}, **variations}.items()
    }


def get_code_hashes():
    """Hashes of all scripts but those of figures, whose style makes no number."""
    scripts = sorted(Path(workflow.basedir, "workflow/scripts").glob("*.py"))
    return {path.stem: get_code_hash(path.name) for path in scripts if "plot_" not in path.stem}


def get_targets():
    """All that the study yields."""
    figures = ["gallery", "comparison", "purity", "accuracy", "sensitivity"]
    figures += [f"embeddings_{dataset}" for dataset in DATASETS]
    figures += [f"pruning_{dataset}" for dataset in DATASETS]
    figures += [f"histograms_{model}" for model in MODELS]
    # Asked for by name: one more seed, or one more export, makes the job's outputs incomplete.
    finetunes = [*rules.finetune_heads.output.logs, *rules.finetune_heads.output.checkpoints]
    return [
        *(RESULTS / f"tables/{table}.csv" for table in TABLES),
        *(RESULTS / f"figures/{figure}.{form}" for figure in figures for form in ("png", "pdf")),
        *expand(finetunes, model=MODELS, condition=CONDITIONS),
        *rules.export_original_tables.output,
        *expand(rules.analyze_purity.output, model=MODELS, strategy=STRATEGIES),
        RESULTS / "report/claims.rst",
        RESULTS / "provenance.json",
    ]


def get_compared_conditions(wildcards):
    """Conditions by label: the control, the pretrained head, then a strategy by Cs."""
    by_cs = {f"Cs{cs}": f"{wildcards.strategy}_Cs{cs}" for cs in CS}
    return {"Cs00": CONTROL, "pretrained": "pretrained", **by_cs}


def get_compared_heads(wildcards):
    conditions = get_compared_conditions(wildcards).values()
    return [RESULTS / f"heads/{wildcards.model}/{name}.safetensors" for name in conditions]


def get_compared_checkpoints(wildcards, input):
    """Heads of the first seed, as LABEL:PATH#ENTRY."""
    labels = get_compared_conditions(wildcards)
    entries = ["pretrained" if label == "pretrained" else SEEDS[0] for label in labels]
    return [
        f"{label}:{path}#{entry}"
        for label, path, entry in zip(labels, input.heads, entries, strict=True)
    ]


def get_ledgers():
    """What came of every URL, shard by shard."""
    folder = DATA / f"corpora/{CORPUS}/ledgers"
    return [folder / f"{shard.stem}.parquet" for shard in get_shards()]


def get_first_row(wildcards):
    """The first row of the list of URLs that a shard holds."""
    return int(wildcards.shard) * config["corpus"]["pairs_per_shard"]


def get_row_count(wildcards):
    """How many rows of the list a shard holds."""
    corpus = config["corpus"]
    total = corpus["pairs"] + corpus["validation_pairs"]
    return min(corpus["pairs_per_shard"], total - get_first_row(wildcards))


def get_limits():
    """What one URL may cost, as `lib.fetch.Limits` names it."""
    others = {"image_size", "max_pixels", "min_success"}
    download = config["corpus"]["download"]
    return {key: value for key, value in download.items() if key not in others}
