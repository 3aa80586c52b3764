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
    if corpus["kind"] == "shards":
        return expand_shards(corpus["shards"])
    rows = corpus.get("rows", corpus["pairs"] + corpus["validation_pairs"])
    count = -(-rows // corpus["pairs_per_shard"])
    return [DATA / f"corpora/{CORPUS}/shards/{CORPUS}-{shard:05d}.tar" for shard in range(count)]


def get_pattern(names):
    """What a wildcard that stands for one of these names matches; nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def get_models(*kinds):
    """Names of the models of these kinds."""
    return [name for name, model in MODELS.items() if model["kind"] in kinds]


def get_datasets(*kinds):
    """Names of the datasets of these kinds."""
    return [name for name, dataset in DATASETS.items() if dataset["kind"] in kinds]


def get_architecture(wildcards):
    return find_architecture(MODELS[wildcards.model], workflow.basedir)


def get_checkpoint(wildcards):
    """The checkpoint that a model which is not trained here is made of."""
    return locate_checkpoint(MODELS[wildcards.model], DATA)


def get_layout(wildcards):
    """The names that a model's weights have where it comes from, as `lib.layouts` knows them."""
    return "laclip" if MODELS[wildcards.model]["kind"] == "laclip" else "open_clip"


def get_permutations(wildcards):
    """The permutations of all seeds that a condition trains on; none for the control."""
    if wildcards.condition == CONTROL:
        return []
    strategy, cs = wildcards.condition.split("_Cs")
    return [RESULTS / f"permutations/{get_swap_name(strategy, cs, seed)}.npy" for seed in SEEDS]


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


def get_tables():
    """The tables of the experiments that the study has."""
    return [
        RESULTS / f"tables/{table}.csv"
        for section, tables in TABLES.items()
        if section in config
        for table in tables
    ]


def get_figures():
    """The figures of the experiments that the study has."""
    figures = []
    if TESTED:
        figures += ["comparison", *(f"embeddings_{dataset}" for dataset in TESTED)]
    if "pruning" in config:
        figures += [f"pruning_{dataset}" for dataset in TESTED]
    if CONDITIONS:
        figures += ["gallery", "purity", "accuracy", "sensitivity"]
        figures += [f"histograms_{model}" for model in MODELS]
    return [RESULTS / f"figures/{figure}.{form}" for figure in figures for form in ("png", "pdf")]


def get_finetune_outputs():
    """Logs and checkpoints, asked for by name: one more seed or export makes a job incomplete."""
    if not CONDITIONS:
        return []
    finetunes = [*rules.finetune_heads.output.logs, *rules.finetune_heads.output.checkpoints]
    return expand(finetunes, model=MODELS, condition=CONDITIONS)


def get_original_tables():
    """The original's own files of the experiments that the study has."""
    comparison = rules.export_comparison_tables.output if TESTED else []
    pruning = rules.export_pruning_tables.output if "pruning" in config else []
    return [*comparison, *pruning]


def get_targets():
    """All that the study yields."""
    return [
        *get_tables(),
        *get_figures(),
        *get_finetune_outputs(),
        *get_original_tables(),
        *expand(rules.analyze_purity.output, comparison=COMPARISONS),
        *([RESULTS / "report/claims.rst"] if TESTED else []),
        RESULTS / "provenance.json",
    ]


def get_judged(wildcards):
    """What the claims are judged on: the tables and outcomes of the experiments there are."""
    tables = {path.stem: path for path in get_tables() if path.stem not in ("claims", "captions")}
    outcomes = expand(
        RESULTS / "evaluations/{model}/pretrained/{dataset}.npz", model=MODELS, dataset=TESTED
    )
    return tables | {"per_image": outcomes}


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


def get_captions():
    """The caption table of the corpus, where the study has one."""
    return [DATA / f"corpora/{CORPUS}/captions.parquet"] if "corpus" in config else []


def get_validation(wildcards):
    """The features on which the best epoch is chosen, where they are not held-out pairs."""
    folder = DATA / f"features/{wildcards.model}/datasets"
    return [folder / f"{VALIDATION}.safetensors"] if VALIDATION else []


def get_ledgers():
    """What came of every row of the corpus's input, shard by shard."""
    folder = DATA / f"corpora/{CORPUS}/ledgers"
    return [folder / f"{CORPUS}-{shard:05d}.parquet" for shard in range(len(get_shards()))]


def get_first_row(wildcards):
    """The first row of the list that a shard holds."""
    return int(wildcards.shard) * config["corpus"]["pairs_per_shard"]


def get_row_count(wildcards):
    """How many rows of the list a shard holds."""
    corpus = config["corpus"]
    return min(corpus["pairs_per_shard"], corpus["rows"] - get_first_row(wildcards))


def get_brought(*keys):
    """The files that optional keys of the corpus name, if they do: a path or a list of them."""
    value = config["corpus"]
    for key in keys:
        value = value.get(key, {})
    return value or []


def get_rewritten_list():
    """The list that rewrites have a line for each row of, if there are both."""
    corpus = config["corpus"]
    if "rewrites" not in corpus or corpus["kind"] == "shards":
        return []
    return corpus[corpus["kind"]]  # the list stands under the name of the kind


def get_key_limit():
    """How many rows of the list its keys may name; none where there is no list of keys."""
    return config["corpus"]["rows"] if "keys" in config["corpus"] else None


def get_limits():
    """What one URL may cost, as `lib.fetch.Limits` names it."""
    others = {"image_size", "max_pixels"}
    download = config["corpus"]["download"]
    return {key: value for key, value in download.items() if key not in others}


def get_dataset_files(wildcards):
    """Files of prompts that a dataset names, and whatever else of it is still to be brought.

    What lies there already is no input: the time of a folder tells nothing of what is in it.
    """
    dataset = DATASETS[wildcards.dataset]
    texts = [dataset.get(key, "") for key in ("classnames", "templates")]
    brought = list_dataset_files([dataset], REGISTRY)
    return [path for path in brought if path in texts or path in MISSING]


def get_archives(wildcards):
    """The shards of a dataset's images: those of the user, or the one that is made here."""
    dataset = DATASETS[wildcards.dataset]
    if dataset["kind"] == "webdataset":
        return expand_shards(dataset["shards"])
    return [DATA / f"datasets/{wildcards.dataset}/test.tar"]


def get_registry_entry(wildcards):
    """What the registry says of a dataset that torchvision reads."""
    return get_sorted(REGISTRY.get(DATASETS[wildcards.dataset].get("dataset")))


def get_folder_fingerprint(wildcards):
    """What lies in a folder of images: one more, or another, prepares the dataset anew."""
    folder = DATASETS[wildcards.dataset].get("path")
    return fingerprint(folder) if folder and Path(folder).exists() else None
