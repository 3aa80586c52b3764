"""Checks of the downstream datasets of a configuration, and the files that they ask a user for."""

import os
from pathlib import Path

from lib.corpus_checks import check_shards, expand_shards, find_places
from lib.dataset_registry import REGISTRY, list_files
from lib.datasets import read_lines
from lib.glyphs import TASKS
from lib.image_folder import list_images


def check_datasets(config: dict, registry: dict[str, dict]) -> list[str]:
    """What is wrong with the datasets, a sentence each: the key, its value, what is allowed.

    Args:
        registry: what `lib.dataset_registry.read_registry` gives.
    """
    problems = []
    for dataset in config["datasets"]:
        found = _check_kind(dataset, registry)
        if not found:
            try:
                found = _check_classes(dataset, registry, config["evaluation"]["max_samples"])
            except ValueError as error:
                found = [f"dataset {dataset['name']!r}: {error}."]
        problems += found
    return problems


def list_dataset_files(datasets: list[dict], registry: dict[str, dict]) -> dict[str, str]:
    """Files and folders that datasets need and no job makes: path to what it is."""
    return {
        path: about
        for dataset in datasets
        for path, about in _list_files(dataset, registry).items()
    }


def list_places(dataset: dict) -> set[str]:
    """Where a dataset's images lie, however paths are spelled; nowhere if they are made here."""
    if "path" in dataset:
        return {os.path.realpath(dataset["path"])}
    try:
        return set(find_places(dataset.get("shards", [])))
    except ValueError:  # braces that do not match are told elsewhere
        return set()


def _list_files(dataset: dict, registry: dict[str, dict]) -> dict[str, str]:
    owner, files = f"of dataset {dataset['name']!r}", {}
    if dataset["kind"] == "torchvision" and not dataset["download"]:
        entry = registry[dataset["dataset"]]
        hint = " or set its `download: true`" if entry["download"] else ""
        about = f"{entry['class']} {owner}, from {entry['home']}{hint}"
        files |= {str(path): about for path in list_files(entry, dataset["root"])}
    if dataset["kind"] == "image_folder":
        files[dataset["path"]] = f"a folder for each class {owner}"
    if dataset["kind"] == "webdataset":
        files |= dict.fromkeys(expand_shards(dataset["shards"]), f"shards {owner}")
    if "classnames" in dataset:
        files[dataset["classnames"]] = f"class names {owner}, one a line"
    if dataset.get("templates", "").endswith(".txt"):
        files[dataset["templates"]] = f"prompt templates {owner}, one a line, {{c}} for the class"
    return files


def _check_kind(dataset: dict, registry: dict[str, dict]) -> list[str]:
    """What must be right before a dataset's files can be named."""
    name = dataset["name"]
    if dataset["kind"] == "torchvision":
        entry = registry.get(dataset["dataset"])
        if entry is None:
            return [
                f"dataset of {name!r} is {dataset['dataset']!r}; allowed: "
                f"one of {', '.join(map(repr, sorted(registry)))} ({REGISTRY})."
            ]
        if dataset["download"] and not entry["download"]:
            return [
                f"download of dataset {name!r} is True; allowed: False. {entry['class']} cannot be "
                f"downloaded by the study: bring it from {entry['home']}."
            ]
        if "train_of" in dataset and "train" not in entry:
            return [
                f"train_of of dataset {name!r} is given; allowed: where {REGISTRY} has a split of "
                f"training images, which {dataset['dataset']!r} has not."
            ]
    if dataset["kind"] == "webdataset":
        return check_shards(dataset["shards"], f"shards of dataset {name!r}")
    return []


def _check_classes(dataset: dict, registry: dict[str, dict], max_samples: int) -> list[str]:
    """Names for every class, and two images of each, or it has no silhouette."""
    name, problems = dataset["name"], []
    classes = _count_classes(dataset, registry)
    if "classnames" in dataset and Path(dataset["classnames"]).exists():
        named = len(read_lines(dataset["classnames"]))
        if classes not in (None, named):
            problems.append(
                f"classnames of dataset {name!r} has {named} names; allowed: one for each of its "
                f"{classes} classes."
            )
        classes = classes or named
    least = 2 * (classes or 1)
    sizes = {"evaluation.max_samples": max_samples}
    if dataset["kind"] == "glyphs":
        sizes[f"images of dataset {name!r}"] = dataset["images"]
    problems += [
        f"{key} is {size}; allowed: at least {least}, two of each class of {name!r}."
        for key, size in sizes.items()
        if size < least
    ]
    return problems


def _count_classes(dataset: dict, registry: dict[str, dict]) -> int | None:
    """Number of classes, as far as it can be known without the class names that a user brings."""
    if dataset["kind"] == "glyphs":
        return len(TASKS[dataset["task"]].classes)
    if dataset["kind"] == "torchvision":
        return registry[dataset["dataset"]]["classes"]
    if dataset["kind"] == "image_folder" and Path(dataset["path"]).exists():
        return 1 + list_images(dataset["path"])[-1][1]
    return None
