# Helpers of the rules: paths, names and the values that rules take from the config.
import itertools
import os
import re
import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)
# Scripts run in processes of their own: they find `lib` here, and the same bytes on any GPU.
os.environ.update(PYTHONPATH=str(workflow.basedir), CUBLAS_WORKSPACE_CONFIG=":4096:8")

from lib.config import check_config, embed_dim, read_architecture
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
TABLES = [
    "captions",
    "claims",
    "clip_vs_laclip",
    "misalignment",
    "misalignment_accuracy",
    "pruning",
    "sensitivity",
]


def get_cs_label(cs):
    """Cs in per cent, as the original's file names have it: 0.05 is "05", 0.3 is "30"."""
    return f"{100 * cs:g}".zfill(2)


CS = {get_cs_label(cs): cs for cs in sorted(set(config["misalignment"]["cs"]) - {0})}
STRATEGIES = config["misalignment"]["strategies"]
# What a head is fine-tuned on: aligned captions (the control), or those of a strategy and Cs.
CONTROL = "none_Cs00"
CONDITIONS = [CONTROL, *(f"{strategy}_Cs{cs}" for strategy in STRATEGIES for cs in CS)]
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
    head="|".join(map(re.escape, ["pretrained", *CONDITIONS])),
    swap="|".join(map(re.escape, SWAPS)),
    strategy="|".join(map(re.escape, STRATEGIES)),


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


def get_gpus(wildcards):
    """GPUs that a job which profits from one asks for."""
    return 0 if config["device"] == "cpu" else 1


def get_heads(model):
    """Files of heads of a model, the pretrained one first, then in the order of the conditions."""
    return [RESULTS / f"heads/{model}/{head}.safetensors" for head in ["pretrained", *CONDITIONS]]


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
