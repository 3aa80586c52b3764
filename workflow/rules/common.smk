# What the rules share: the checked config, paths and names. Functions stand in inputs.smk.
import functools
import itertools
import os
import re
import sys

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.insert(0, workflow.basedir)
# Scripts run in processes of their own: they find `lib` here, and the same bytes on any GPU.
os.environ.update(PYTHONPATH=str(workflow.basedir), CUBLAS_WORKSPACE_CONFIG=":4096:8")
# PyTorch's threads wait for each other by spinning, for so long that one more busy process on the
# machine makes a job of two threads four times as long. A tenth of the patience: twice as long.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from lib.architectures import context_length, find_architecture, image_size
from lib.config import (
    check_config,
    check_keys,
    describe_files,
    explain_missing,
    list_brought_files,
)
from lib.corpus_checks import expand_shards
from lib.dataset_checks import list_dataset_files
from lib.dataset_registry import choose_split, read_registry
from lib.image_folder import fingerprint
from lib.json_files import read_json
from lib.model_checks import list_fetched_checkpoints, list_replicates, locate_checkpoint
from lib.power import list_untellable
from lib.provenance import code_hash, explain_changes

try:
    if workflow.is_main_process:  # a job reads what was found right before it began
        for path in workflow.configfiles:
            check_keys(path)
    check_config(
        config, Path(workflow.basedir, "workflow/schemas/config.schema.yaml"), workflow.basedir
    )
except ValueError as error:
    raise WorkflowError(str(error))
RESULTS = Path(config["results"])
if workflow.is_main_process:
    changes = explain_changes(RESULTS / "provenance.json", config)
    for warning in [*list_untellable(config), *([changes] if changes else [])]:
        logger.warning(warning)

DATA = Path(config["data"])
LOGS = RESULTS / "logs"
BENCHMARKS = RESULTS / "benchmarks"
# Sections that a study leaves out are experiments that it leaves out.
CORPUS = config.get("corpus", {}).get("name", "none")
CAPTIONS = DATA / f"corpora/{CORPUS}/captions.parquet"
CORPUS_KIND = config.get("corpus", {}).get("kind", "none")
# Models that only lend their projections have no towers: nothing else is computed of them.
MODELS = {model["name"]: model for model in config["models"] if model["kind"] != "projections"}
# More pretrainings of the same models, with their model's name: experiment 1 alone knows them.
REPLICATES = {
    run: entry for model in MODELS.values() for run, entry in list_replicates(model).items()
}
RUNS = MODELS | REPLICATES
DATASETS = {dataset["name"]: dataset for dataset in config.get("datasets", [])}
# The dataset on which the best epoch is chosen is never a test of it.
VALIDATION = config.get("finetune", {}).get("validation")
TESTED = [
    name for name, dataset in DATASETS.items() if name != VALIDATION and "train_of" not in dataset
]
# Nor are the images that probes are trained on: which they are, by the dataset that is tested.
TRAINED = {d["train_of"]: name for name, d in DATASETS.items() if "train_of" in d}
PAIRS = config.get("downstream", {}).get("pairs", {})  # held out, for retrieval
# What each model is held against: the one it names, or the first.
FIRST_MODEL = next(iter(MODELS), None)
BASELINES = {name: model.get("baseline", FIRST_MODEL) for name, model in MODELS.items()}
BASELINES = {name: baseline for name, baseline in BASELINES.items() if name != baseline}
ARCHITECTURES = {name: find_architecture(model, workflow.basedir) for name, model in MODELS.items()}
# Captions that differ only behind the shortest context of the models are one.
CONTEXT_LENGTH = min(map(context_length, ARCHITECTURES.values()), default=None)
SEEDS = config.get("seeds", [])
FIRST_SEED = next(iter(SEEDS), None)
EXPORT = config.get("finetune", {}).get("export", "none")
EXPORTED_SEEDS = {"all": SEEDS, "first_seed": SEEDS[:1], "none": []}[EXPORT]
BROUGHT = list_brought_files(config, workflow.basedir)
MISSING = {path: about for path, about in BROUGHT.items() if not Path(path).exists()}
FETCHED = list_fetched_checkpoints(config)
REGISTRY = read_registry(workflow.basedir)
# The tables of each experiment, by the section of the config that asks for it.
TABLES = {
    "simulation": ["simulation", "ranking"],
    "corpus": ["corpus"] if CORPUS_KIND in ("urls", "table", "shards") else [],
    "models": ["layers"] if MODELS else [],
    "datasets": ["clip_vs_laclip", "claims"] + (["pretraining_seeds"] if REPLICATES else []),
    "pruning": ["pruning"],
    "misalignment": [
        "captions",
        "misalignment",
        "misalignment_accuracy",
        "sensitivity",
        "training",
        "detection",
    ],
    "remedy": ["remedies", "remedies_accuracy"],
    "downstream": ["downstream"],
}


def get_cs_label(cs):
    """Cs in per cent, as the original's file names have it: 0.05 is "05", 0.3 is "30"."""
    return f"{100 * cs:g}".zfill(2)


MISALIGNMENT = config.get("misalignment", {"cs": [], "strategies": []})
CS = {get_cs_label(cs): cs for cs in sorted(set(MISALIGNMENT["cs"]) - {0})}
STRATEGIES = MISALIGNMENT["strategies"]
# What a head is fine-tuned on: aligned captions (the control), or those of a strategy and Cs.
CONTROL = "none_Cs00"
SWAPPED = [f"{strategy}_Cs{cs}" for strategy in STRATEGIES for cs in CS]
CONDITIONS = [CONTROL, *SWAPPED] if SWAPPED else []
HEADS = ["pretrained", *CONDITIONS]
REMEDY = config.get("remedy", {})
REMEDIED_CS = [get_cs_label(cs) for cs in REMEDY.get("cs", CS.values())]
REMEDIED = [f"{strategy}_Cs{cs}" for strategy in STRATEGIES for cs in REMEDIED_CS] if REMEDY else []
# Where the original names a strategy otherwise in its caption files; the first seed is not named.
CAPTION_FILES = {"similar": "similarity_simple"}


def get_swap_name(strategy, cs):
    """Name of the files of one kind of swap, as the original names its caption files."""
    return f"{CORPUS}_Cs{cs}_{CAPTION_FILES.get(strategy, strategy)}"


SWAPS = {
    get_swap_name(strategy, cs): {"strategy": strategy, "cs": CS[cs]}
    for strategy, cs in itertools.product(STRATEGIES, CS)
}
SEED_SUFFIXES = ["" if seed == SEEDS[0] else f"_seed{seed}" for seed in SEEDS]
# Projections held side by side: those of all models, and of one model's heads by strategy.
COMPARISONS = ({"models": None} if config["models"] else {}) | {
    f"{model}_{strategy}": (model, strategy)
    for model, strategy in itertools.product(MODELS, STRATEGIES)
}
FINETUNE_KEYS = [
    "epochs",
    "batch_size",
    "lr",
    "lr_start",
    "lr_end",
    "warmup_epochs",
    "weight_decay",
    "betas",
    "eps",
]


wildcard_constraints:
    model="|".join(map(re.escape, RUNS)),
    dataset="|".join(map(re.escape, DATASETS)),
    condition="|".join(map(re.escape, CONDITIONS)),
    head="|".join(map(re.escape, HEADS)),
    shard=r"\d{5}",
    chunk=r"\d{5}",
    swap="|".join(map(re.escape, SWAPS)),
    comparison="|".join(map(re.escape, COMPARISONS)),
