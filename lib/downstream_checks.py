"""Checks of a configuration's `downstream` and of the training images that it learns from."""

from collections import Counter

from lib.corpus_checks import check_shards, expand_shards, find_places
from lib.dataset_checks import list_places


def check_downstream(config: dict) -> list[str]:
    """What is wrong with the section and with `train_of`, a sentence each."""
    datasets = config.get("datasets", [])
    training = {d["name"]: d for d in datasets if "train_of" in d}
    tested = {d["name"]: d for d in datasets if "train_of" not in d}
    tested.pop(config.get("finetune", {}).get("validation"), None)
    problems = []
    for name, dataset in training.items():
        problems += _check_training(name, dataset, tested, config)
    for name, times in Counter(d["train_of"] for d in training.values()).items():
        if times > 1:
            problems.append(f"datasets have {times} entries with train_of {name!r}; allowed: one.")
    if "downstream" not in config:
        return problems
    pairs = config["downstream"].get("pairs")
    if not training and pairs is None:
        problems.append(
            "downstream has nothing to look at; allowed: with training images "
            "(datasets[].train_of), with downstream.pairs, or both."
        )
    return problems + (_check_pairs(pairs, config) if pairs else [])


def list_pair_files(config: dict) -> dict[str, str]:
    """Shards of held-out pairs that must be brought: path to what they are."""
    pairs = config.get("downstream", {}).get("pairs", {})
    if pairs.get("kind") != "shards":
        return {}
    return dict.fromkeys(expand_shards(pairs["shards"]), f"shards of pairs {pairs['name']!r}")


def _check_training(name: str, dataset: dict, tested: dict[str, dict], config: dict) -> list[str]:
    """Training images are those of a test, of the same task where that can be known."""
    owner = tested.get(dataset["train_of"])
    if "downstream" not in config:
        return [f"dataset {name!r} has train_of; allowed: with the section downstream only."]
    if owner is None:
        return [
            f"train_of of dataset {name!r} is {dataset['train_of']!r}; allowed: a dataset that is "
            f"tested ({', '.join(tested)})."
        ]
    problems = []
    for key in ("task", "dataset"):  # of drawn ones, and of those that torchvision reads
        if key in dataset and key in owner and dataset[key] != owner[key]:
            problems.append(
                f"{key} of dataset {name!r} is {dataset[key]!r}; allowed: {owner[key]!r}, as of "
                f"{owner['name']!r}, which it is train_of."
            )
    if list_places(dataset) & list_places(owner):
        problems.append(
            f"dataset {name!r} has images of {owner['name']!r}, which it is train_of; allowed: "
            "others than those that are tested."
        )
    neighbours = config["downstream"]["neighbours"]
    if dataset.get("images", neighbours) < neighbours:
        problems.append(
            f"downstream.neighbours is {neighbours}; allowed: at most the {dataset['images']} "
            f"images of dataset {name!r}."
        )
    return problems


def _check_pairs(pairs: dict, config: dict) -> list[str]:
    """Held-out pairs are none of the corpus's, and have a name of their own."""
    problems, corpus = [], config.get("corpus", {})
    if pairs["name"] in {dataset["name"] for dataset in config["datasets"]}:
        problems.append(
            f"downstream.pairs.name is {pairs['name']!r}; allowed: any name but a dataset's."
        )
    if pairs["kind"] == "glyphs" and pairs["seed"] == corpus.get("seed"):
        problems.append(
            f"downstream.pairs.seed is {pairs['seed']}; allowed: any but corpus.seed, of which the "
            "corpus itself is drawn."
        )
    if pairs["kind"] == "shards":
        problems += check_shards(pairs["shards"], "downstream.pairs.shards")
        if not problems and corpus.get("kind") == "shards":
            taken = set(find_places(corpus["shards"]))
            named = zip(expand_shards(pairs["shards"]), find_places(pairs["shards"]), strict=True)
            shared = [path for path, place in named if place in taken]
            problems += [
                f"downstream.pairs.shards has {path}; allowed: shards that are not the corpus's."
                for path in sorted(shared)[:1]
            ]
    return problems
