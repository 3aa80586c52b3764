# Functions that name what the experiments of a study yield.


def get_code_hashes():
    """Hashes of all scripts but those that only plot, whose style makes no number."""
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
    figures = ["simulation", "ranking"] if "simulation" in config else []
    figures += ["layers"] if MODELS else []
    if TESTED:
        figures += ["claims", "comparison", *(f"embeddings_{dataset}" for dataset in TESTED)]
    if "pruning" in config:
        figures += [f"pruning_{dataset}" for dataset in TESTED]
    if CONDITIONS:
        figures += ["gallery", "purity", "accuracy", "sensitivity"]
        figures += [f"histograms_{model}" for model in MODELS]
        figures += [f"training_{model}" for model in MODELS]
        figures += ["detection"]
    if REMEDIED:
        figures += [f"remedies_{model}" for model in MODELS]
    if "downstream" in config and CONDITIONS:
        figures += ["downstream"]
    return [RESULTS / f"figures/{figure}.{form}" for figure in figures for form in ("png", "pdf")]


def get_finetune_outputs():
    """Logs and checkpoints, asked for by name: one more export makes a job incomplete."""
    if not CONDITIONS:
        return []
    checkpoints = expand(rules.export_checkpoints.output, model=MODELS, condition=CONDITIONS)
    return [*rules.export_logs.output, *checkpoints]


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
        *(
            [RESULTS / f"report/{page}.rst" for page in ("claims", "claims_figure")]
            if TESTED
            else []
        ),
        *([RESULTS / "page.html"] if "page" in config else []),
        RESULTS / "provenance.json",
        # projections alone are read in seconds: there is nothing to tell
        *([RESULTS / "tables/resources.csv"] if MODELS else []),
    ]


def get_judged(wildcards):
    """What the claims are judged on: tables, and outcomes of all heads and orders, by image."""
    judged = ("misalignment", "sensitivity")
    judged = {path.stem: path for path in get_tables() if path.stem in judged}
    judged["per_image"] = expand(
        RESULTS / "evaluations/{model}/{head}/{dataset}.npz",
        model=MODELS,
        head=HEADS,
        dataset=TESTED,
    )
    judged["replicates"] = expand(
        RESULTS / "evaluations/{run}/pretrained/{dataset}.npz", run=REPLICATES, dataset=TESTED
    )
    if "pruning" in config:
        judged["orders"] = expand(
            RESULTS / "pruning/{model}/{dataset}.npz", model=MODELS, dataset=TESTED
        )
    return judged


def get_run_places(runs):
    """Model, pretraining seed and dataset of each evaluation of some runs."""
    return [
        (entry["name"], entry.get("seed"), dataset)
        for entry, dataset in itertools.product(runs.values(), TESTED)
    ]


def get_control_table():
    """The table that has the control, for figures of the pretrained models; none without it."""
    return [RESULTS / "tables/misalignment_accuracy.csv"] if CONDITIONS else []


def get_captions():
    """The caption table of the corpus, where the study has one."""
    return [CAPTIONS] if "corpus" in config else []
