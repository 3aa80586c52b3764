"""Checks of the models of a configuration, and the checkpoints that they are made of."""

from pathlib import Path

from lib.architectures import explain_refusal, find_architecture


def check_models(config: dict, root: Path) -> list[str]:
    """What is wrong with the models, a sentence each: the key, its value, what is allowed.

    Args:
        root: the folder that paths in the configuration are relative to.
    """
    problems = []
    for model in config["models"]:
        if model["kind"] == "scratch":
            problems += _check_captions(model, config.get("corpus"))
        else:
            problems += _check_checkpoint(model)
        if model["kind"] != "projections":
            keep = config.get("pruning", {}).get("keep", [])
            problems += _check_architecture(model, keep, root)
    problems += [*_check_towers(config), *_check_baselines(config["models"])]
    problems += _check_replicates(config["models"])
    return problems + _check_published(config) + _check_sources(config["models"])


def list_model_files(config: dict) -> dict[str, str]:
    """Checkpoints that a user must bring: path to what it is."""
    fetched = list_fetched_checkpoints(config)
    return {
        model["checkpoint"]: f"the checkpoint of model {model['name']!r}, docs/models.md"
        for model in config["models"]
        if "checkpoint" in model and model["checkpoint"] not in fetched
    }


def list_fetched_checkpoints(config: dict) -> dict[str, dict[str, str]]:
    """Paths of the checkpoints that are downloaded, and from where.

    A source has `url` and `sha256`, or `architecture` and `tag` (open_clip knows where that lies).
    """
    fetched = {}
    for model in config["models"]:
        if "url" in model:
            fetched[model["checkpoint"]] = {"url": model["url"], "sha256": model["sha256"]}
        elif "pretrained" in model:
            source = {"architecture": model["architecture"], "tag": model["pretrained"]}
            fetched[locate_checkpoint(model, config["data"])] = source
    return fetched


def locate_checkpoint(model: dict, data: str | Path) -> str:
    """Path of the checkpoint of a model that is not trained here."""
    if "checkpoint" in model:
        return model["checkpoint"]
    return str(Path(data, "checkpoints", f"{model['architecture']}_{model['pretrained']}"))


def list_replicates(model: dict) -> dict[str, dict]:
    """More pretrainings of a model by name: the same but for their seeds."""
    return {
        f"{model['name']}_seed{seed}": model | {"seed": seed}
        for seed in model.get("more_seeds", [])
    }


def _check_captions(model: dict, corpus: dict | None) -> list[str]:
    """What a model is pretrained on must be there."""
    name = model["name"]
    if corpus is None:
        return [f"model {name!r} is pretrained on corpus {model['corpus']!r}; the study has none."]
    problems = []
    if "rewrites" in model["captions"] and not corpus.get("rewrites"):
        problems.append(f"captions of model {name!r} has 'rewrites'; the corpus has none.")
    if model["corpus"] != corpus["name"]:
        problems.append(
            f"model {name!r} is pretrained on corpus {model['corpus']!r}; "
            f"the study has {corpus['name']!r}."
        )
    return problems


def _check_checkpoint(model: dict) -> list[str]:
    """A checkpoint has one origin, and what comes from a URL is known by its hash."""
    name = model["name"]
    problems = []
    if ("checkpoint" in model) == ("pretrained" in model):
        problems.append(f"model {name!r} needs one of checkpoint and pretrained.")
    if "url" in model and not {"checkpoint", "sha256"} <= model.keys():
        problems.append(
            f"model {name!r} has a url; allowed: with checkpoint, where to put it, and sha256."
        )
    return problems


def _check_architecture(model: dict, keep: list[int], root: Path) -> list[str]:
    """It is there, its neurons can be measured, and some of them be pruned."""
    name = model["name"]
    try:
        architecture = find_architecture(model, root)
    except ValueError as error:
        return [str(error)]
    reason = explain_refusal(architecture)
    if reason:
        return [f"Model {name!r}, {model['architecture']}, cannot be studied: {reason}."]
    dim = architecture["embed_dim"]
    too_large = [k for k in keep if k >= dim]
    if not too_large:
        return []
    return [
        f"pruning.keep has {', '.join(map(str, too_large))}; allowed: less than the "
        f"{dim} neurons of model {name!r} (all of them are measured as `full`)."
    ]


def _check_towers(config: dict) -> list[str]:
    """A study of more than projections needs models with towers."""
    kinds = {model["kind"] for model in config["models"]}
    if "datasets" in config and kinds == {"projections"}:
        return ["all models are of kind 'projections', which cannot be tested on datasets."]
    return []


def _check_baselines(models: list[dict]) -> list[str]:
    """A model is held against one that has towers, too."""
    names = [model["name"] for model in models if model["kind"] != "projections"]
    return [
        f"baseline of model {model['name']!r} is {model['baseline']!r}; allowed: one of "
        f"{', '.join(map(repr, names))}."
        for model in models
        if "baseline" in model and model["baseline"] not in names
    ]


def _check_replicates(models: list[dict]) -> list[str]:
    """More pretrainings are others than the first, and their names are no other model's."""
    names = [model["name"] for model in models]
    problems = []
    for model in models:
        if model.get("seed") in model.get("more_seeds", []):
            problems.append(
                f"more_seeds of model {model['name']!r} has {model['seed']}; allowed: seeds other "
                "than its own."
            )
        problems += [
            f"more_seeds of model {model['name']!r} makes a model {name!r}, which is there "
            "already; allowed: another name for that one."
            for name in list_replicates(model)
            if name in names
        ]
    return problems


def _check_published(config: dict) -> list[str]:
    """Values are published of datasets that the study has."""
    names = [dataset["name"] for dataset in config.get("datasets", [])]
    return [
        f"published of model {model['name']!r} names {dataset!r}; allowed: the study's datasets "
        f"({', '.join(names)})."
        for model in config["models"]
        for dataset in model.get("published", {})
        if dataset not in names
    ]


def _check_sources(models: list[dict]) -> list[str]:
    """One path is one file: it cannot come from two places, or have two hashes."""
    sources: dict[str, dict] = {}
    problems = []
    for model in models:
        if "checkpoint" in model:
            source = {key: model.get(key) for key in ("url", "sha256")}
            if sources.setdefault(model["checkpoint"], source) != source:
                problems.append(
                    f"checkpoint of model {model['name']!r} is {model['checkpoint']}, which "
                    "another model names with another url or sha256; allowed: the same."
                )
    return problems
