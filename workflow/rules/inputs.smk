# Functions that rules take their inputs and parameters from.


def get_sorted(value):
    """A value of the config whose keys' order tells nothing, as a parameter: in one order."""
    if isinstance(value, dict):
        return {key: get_sorted(value[key]) for key in sorted(value)}
    return [get_sorted(each) for each in value] if isinstance(value, list) else value


def get_code_hash(script):
    """Hash of what a rule's script means, with the lib modules that it reaches."""
    return code_hash(Path(workflow.basedir, "workflow/scripts", script), workflow.basedir)


def get_pattern(names):
    """What a wildcard that stands for one of these names matches; nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def get_models(*kinds):
    """Names of the models of these kinds, and of their further pretrainings."""
    return [name for name, model in RUNS.items() if model["kind"] in kinds]


def get_model(*keys):
    """What a job reads of a model's entry: what it is held against, say, makes no other model."""
    return lambda wildcards: {
        key: get_sorted(RUNS[wildcards.model][key]) for key in keys if key in RUNS[wildcards.model]
    }


def get_architecture(wildcards):
    return find_architecture(RUNS[wildcards.model], workflow.basedir)


def get_checkpoint(wildcards):
    """The checkpoint that a model which is not trained here is made of."""
    return locate_checkpoint(RUNS[wildcards.model], DATA)


def get_layout(wildcards):
    """The names that a model's weights have where it comes from, as `lib.layouts` knows them."""
    return "laclip" if RUNS[wildcards.model]["kind"] == "laclip" else "open_clip"


def get_permutations(wildcards):
    """The permutations of all seeds that a condition trains on; none for the control."""
    if wildcards.condition == CONTROL:
        return []
    strategy, cs = wildcards.condition.split("_Cs")
    name = get_swap_name(strategy, cs)
    return [RESULTS / f"permutations/{name}{suffix}.npy" for suffix in SEED_SUFFIXES]


def get_swap_summaries():
    """The summaries of all swaps, in the order of strategies, Cs and seeds."""
    return expand(RESULTS / "permutations/{swap}{suffix}.json", swap=SWAPS, suffix=SEED_SUFFIXES)


def get_processes(stage):
    """Processes of one job of `pretrain` or `finetune`: one for each GPU that it trains on."""
    return config.get("gpus", {}).get(stage, 1)


def get_decoders():
    """Cores of a job of extraction: eight, if it surely has a GPU, which one core that decodes keeps idle.

    With `auto`, one: it may come to the CPU, where another number of cores can round otherwise.
    """
    return 8 if config["device"] == "cuda" else 1


def get_growing(amount, per_million=0, stage=None):
    """A resource whose every attempt gets as much again: what was too little is tried with more.

    `per_million` comes on top for each million training pairs of the corpus; every process of
    `stage` gets that much.
    """
    total = amount + round(per_million * config.get("corpus", {}).get("pairs", 0) / 1e6)
    return lambda wildcards, attempt: attempt * total * get_processes(stage)


def get_pixel_memory():
    """Memory (MB) of a million training images: decoded one by one, then copied into one array."""
    scratch = get_models("scratch")
    architectures = (find_architecture(RUNS[name], workflow.basedir) for name in scratch)
    return 2 * 3 * max(map(image_size, architectures), default=0) ** 2


def get_gpus(wildcards):
    """GPUs that a job which profits from one asks for."""
    return 0 if config["device"] == "cpu" else 1


def get_gpus_of(stage):
    """GPUs that one job of a stage asks for."""
    return lambda wildcards: get_gpus(wildcards) * get_processes(stage)


def get_asked(wildcards, resources):
    """Memory (MB) and GPUs that jobs ask for at their first attempt, by rule that has a benchmark.

    That `resources` is an argument is what makes it no reason to rerun: Snakemake compares
    only parameters that do not derive from resources.
    """
    asked = {
        each.name: each.expand_resources(wildcards, input=None, attempt=1)
        for each in workflow.rules
        if each.benchmark
    }
    return {name: (amounts.mem_mb, amounts.get("gpu", 0)) for name, amounts in asked.items()}


def get_heads(model):
    """Files of heads of a model, the pretrained one first, then in the order of the conditions."""
    return [RESULTS / f"heads/{model}/{head}.safetensors" for head in HEADS]


def get_exports(name):
    """Files of a name beside the log of every fine-tune whose whole checkpoints are exported."""
    return [
        RESULTS / f"finetune/{{model}}/{{condition}}/seed{seed}/{name}" for seed in EXPORTED_SEEDS
    ]


def get_recipes(keys):
    """The named settings of every fine-tuning recipe: the study's own (`main`), then variations."""
    finetune = config["finetune"]
    variations = {recipe["name"]: recipe for recipe in finetune["sensitivity"]}
    return {
        name: {key: recipe.get(key, finetune[key]) for key in keys}
        for name, recipe in {"main": {}, **variations}.items()
    }


def get_compared(wildcards):
    """What is held side by side: label to (file, entry); the first is what others differ from."""
    if wildcards.comparison == "models":
        return {
            model["name"]: (
                (model["checkpoint"], None)
                if model["kind"] == "projections"
                else (RESULTS / f"heads/{model['name']}/pretrained.safetensors", "pretrained")
            )
            for model in config["models"]
        }
    model, strategy = COMPARISONS[wildcards.comparison]
    heads = {"Cs00": CONTROL, "pretrained": "pretrained"}
    heads |= {f"Cs{cs}": f"{strategy}_Cs{cs}" for cs in CS}
    return {
        label: (
            RESULTS / f"heads/{model}/{head}.safetensors",
            head if head == "pretrained" else SEEDS[0],
        )
        for label, head in heads.items()
    }


def get_compared_files(wildcards):
    return [path for path, _ in get_compared(wildcards).values()]


def get_compared_checkpoints(wildcards):
    """The same as LABEL:PATH, or LABEL:PATH#ENTRY for one head of several."""
    return [
        f"{label}:{path}" + ("" if entry is None else f"#{entry}")
        for label, (path, entry) in get_compared(wildcards).items()
    ]


def get_remedy_settings():
    """What the remedies are, without the Cs that they are tried at."""
    return get_sorted({key: value for key, value in REMEDY.items() if key != "cs"})


def get_validation(wildcards):
    """The features on which the best epoch is chosen, where they are not held-out pairs."""
    folder = DATA / f"features/{wildcards.model}/datasets"
    return [folder / f"{VALIDATION}.safetensors"] if VALIDATION else []
