# What the rules share: the checked config, paths and names. Functions stand in inputs.smk.
import itertools
import os
import re
import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)
# Scripts run in processes of their own: they find `lib` here, and the same bytes on any GPU.
os.environ.update(PYTHONPATH=str(workflow.basedir), CUBLAS_WORKSPACE_CONFIG=":4096:8")

from lib.config import (
    abbreviate,
    check_config,
    embed_dim,
    explain_missing,
    list_brought_files,
    list_shards,
    read_architecture,
)
from lib.provenance import code_hash

try:
    check_config(
        config, Path(workflow.basedir, "workflow/schemas/config.schema.yaml"), workflow.basedir
    )
except ValueError as error:
    raise WorkflowError(str(error))

RESULTS = Path(config["results"])
DATA = Path(config["data"])
LOGS = RESULTS / "logs"
BENCHMARKS = RESULTS / "benchmarks"
CORPUS = config["corpus"]["name"]
MODELS = {model["name"]: model for model in config["models"]}
DATASETS = {dataset["name"]: dataset for dataset in config["datasets"]}
DIMS = {name: embed_dim(model, workflow.basedir) for name, model in MODELS.items()}
SEEDS = config["seeds"]
EXPORTED_SEEDS = {"all": SEEDS, "first_seed": SEEDS[:1], "none": []}[config["finetune"]["export"]]
MISSING = [path for path in list_brought_files(config) if not Path(path).exists()]
TABLES = [
    "captions",
    "claims",
    "clip_vs_laclip",
    "misalignment",
    "misalignment_accuracy",
    "pruning",
    "sensitivity",
]
if config["corpus"]["kind"] != "glyphs":
    TABLES.append("corpus")


def get_cs_label(cs):
    """Cs in per cent, as the original's file names have it: 0.05 is "05", 0.3 is "30"."""
    return f"{100 * cs:g}".zfill(2)


CS = {get_cs_label(cs): cs for cs in sorted(set(config["misalignment"]["cs"]) - {0})}
STRATEGIES = config["misalignment"]["strategies"]
# What a head is fine-tuned on: aligned captions (the control), or those of a strategy and Cs.
CONTROL = "none_Cs00"
CONDITIONS = [CONTROL, *(f"{strategy}_Cs{cs}" for strategy in STRATEGIES for cs in CS)]
HEADS = ["pretrained", *CONDITIONS]
# The original's names of the strategies in its caption files; the first seed is not named.
CAPTION_FILES = {"similar": "similarity_simple", "random": "random"}


def get_swap_name(strategy, cs, seed):
    """Name of one swap's files, as the original names its caption files."""
    suffix = "" if seed == SEEDS[0] else f"_seed{seed}"
    return f"{CORPUS}_Cs{cs}_{CAPTION_FILES[strategy]}{suffix}"


SWAPS = {
    get_swap_name(strategy, cs, seed): {"strategy": strategy, "cs": CS[cs], "seed": seed}
    for strategy, cs, seed in itertools.product(STRATEGIES, CS, SEEDS)
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
# The gallery shows the strongest misalignment among similar captions.
GALLERY_SWAP = get_swap_name(STRATEGIES[0], max(CS, key=CS.get), SEEDS[0])


wildcard_constraints:
    model="|".join(map(re.escape, MODELS)),
    dataset="|".join(map(re.escape, DATASETS)),
    condition="|".join(map(re.escape, CONDITIONS)),
    head="|".join(map(re.escape, HEADS)),
    shard=r"\d{5}",
    swap="|".join(map(re.escape, SWAPS)),
    strategy="|".join(map(re.escape, STRATEGIES)),
