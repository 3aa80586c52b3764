"""The study's configuration, checked whole before anything is planned.

A JSON schema says what each key may be; what spans several keys (a k larger than the embedding, a
model of another corpus) is checked here.
"""

import math
from collections import Counter
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from lib.architectures import explain_refusal, find_architecture
from lib.glyphs import TASKS


def check_config(config: dict, schema_path: str | Path, root: str | Path) -> None:
    """Check a configuration against the schema and across its keys.

    Args:
        schema_path: JSON schema, in YAML.
        root: the folder that paths in the configuration are relative to.

    Raises:
        ValueError: one paragraph that names every offending key, its value and what is allowed.
    """
    schema = yaml.safe_load(Path(schema_path).read_text())
    errors = sorted(_Validator(schema).iter_errors(config), key=lambda error: str(error.path))
    problems = [_explain(error) for error in errors]
    if not problems:
        problems = _cross_check(config, Path(root))
    if problems:
        raise ValueError("The configuration is not valid. " + " ".join(problems))


def list_brought_files(config: dict) -> dict[str, str]:
    """Paths of the files that a user must bring, and what each of them is."""
    corpus = config["corpus"]
    brought = {}
    if corpus["kind"] == "urls":
        brought[corpus["urls"]] = f"the list of captions and URLs of {corpus['name']}, docs/data.md"
    fetched = list_fetched_checkpoints(config)
    for model in config["models"]:
        if "checkpoint" in model and model["checkpoint"] not in fetched:
            what = f"the checkpoint of {model['name']}, docs/models.md"
            brought[model["checkpoint"]] = what
    return brought


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


def explain_missing(brought: dict[str, str]) -> str:
    """One paragraph on files that must be brought before a study can run, by path."""
    files = ", ".join(f"{path} ({what})" for path, what in brought.items())
    return (
        f"These files are not there yet: {files}. Put them there, or change what the configuration "
        "says of them."
    )


def _is_integer(_, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker, value: object) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


# JSON takes 2.0 for an integer; where a number of things is asked for, it is a mistake.
_Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def _explain(error: ValidationError) -> str:
    """One sentence: the key, what was given, what is allowed."""
    key = _key_path(error.absolute_path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        unknown = sorted(set(error.instance) - set(known))
        keys = "key" if len(unknown) == 1 else "keys"
        return f"Unknown {keys} {', '.join(unknown)} in {key}; known: {', '.join(known)}."
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{key} lacks {', '.join(missing)}."
    return f"{key} is {error.instance!r}; allowed: {_allowed(error)}."


def _allowed(error: ValidationError) -> str:
    value = error.validator_value
    words = {
        "type": f"{value}",
        "enum": f"one of {', '.join(map(repr, value)) if isinstance(value, list) else value}",
        "const": f"{value!r}",
        "minimum": f"a number of at least {value}",
        "maximum": f"a number of at most {value}",
        "exclusiveMinimum": f"a number above {value}",
        "multipleOf": f"a multiple of {value}",
        "minItems": f"a list of at least {value} entries",
        "uniqueItems": "a list without repetitions",
        "pattern": f"text that matches {value}",
    }
    return words.get(str(error.validator), error.message)


def _key_path(path) -> str:
    """`finetune.recipes[2].lr` of a path of keys and positions; "the configuration" for the top."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the configuration"


def _cross_check(config: dict, root: Path) -> list[str]:
    return [
        *_check_names(config),
        *_check_models(config, root),
        *_check_misalignment(config),
        *_check_ranges(config),
        *_check_datasets(config),
        *_check_sizes(config),
    ]


def _check_names(config: dict) -> list[str]:
    """Names that must be unique: YAML and Snakemake would silently let the last one win."""
    groups = {
        "models": config["models"],
        "datasets": config["datasets"],
        "finetune.sensitivity": config["finetune"]["sensitivity"],
    }
    problems = []
    for key, entries in groups.items():
        for name, times in Counter(entry["name"] for entry in entries).items():
            if times > 1:
                problems.append(f"{key} has {times} entries named {name!r}; names must be unique.")
    if any(recipe["name"] == "main" for recipe in config["finetune"]["sensitivity"]):
        problems.append("finetune.sensitivity has 'main'; allowed: any name but the study's own.")
    return problems


def _check_misalignment(config: dict) -> list[str]:
    cs, tfidf = config["misalignment"]["cs"], config["misalignment"]["tfidf"]
    problems = []
    if not any(cs):
        problems.append(
            f"misalignment.cs is {cs}; allowed: at least one share above 0 beside the control."
        )
    if any(round(share, 4) != share for share in cs):
        problems.append(f"misalignment.cs is {cs}; allowed: shares with at most four decimals.")
    least, most = tfidf["min_df"], tfidf["max_df"]
    if type(least) is type(most) and least > most:
        problems.append(
            f"misalignment.tfidf.min_df is {least}; allowed: at most max_df, which is {most}."
        )
    return problems


def _check_ranges(config: dict) -> list[str]:
    """Ranges that are given as [smallest, largest]."""
    ranges = {
        "misalignment.tfidf.ngram_range": config["misalignment"]["tfidf"]["ngram_range"],
        "finetune.crop_scale": config["finetune"]["crop_scale"],
    }
    return [
        f"{key} is {bounds}; allowed: the smaller one first."
        for key, bounds in ranges.items()
        if bounds[0] > bounds[1]
    ]


def _check_datasets(config: dict) -> list[str]:
    """Every class needs two images, or it has no silhouette."""
    problems = []
    for dataset in config["datasets"]:
        least = 2 * len(TASKS[dataset["task"]].classes)
        sizes = {
            f"images of dataset {dataset['name']!r}": dataset["images"],
            "evaluation.max_samples": config["evaluation"]["max_samples"],
        }
        problems += [
            f"{key} is {size}; allowed: at least {least}, two of each class of {dataset['name']!r}."
            for key, size in sizes.items()
            if size < least
        ]
    return problems


def _check_models(config: dict, root: Path) -> list[str]:
    problems = []
    for model in config["models"]:
        if model["kind"] == "scratch":
            problems += _check_captions(model, config["corpus"])
        else:
            problems += _check_checkpoint(model)
        if model["kind"] != "projections":
            problems += _check_architecture(model, config["pruning"]["keep"], root)
    return problems


def _check_captions(model: dict, corpus: dict) -> list[str]:
    """What a model is pretrained on must be there."""
    name = model["name"]
    problems = []
    if "rewrites" in model["captions"] and not corpus.get("rewrites"):
        problems.append(f"captions of model {name!r} has 'rewrites'; the corpus has none.")
    if model["corpus"] != corpus["name"]:
        problems.append(
            f"models {name!r} is pretrained on corpus {model['corpus']!r}; "
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


def _check_sizes(config: dict) -> list[str]:
    pairs = config["corpus"]["pairs"]
    batches = {"finetune.batch_size": config["finetune"]["batch_size"]}
    for model in config["models"]:
        if model["kind"] == "scratch":
            batches[f"batch_size of model {model['name']!r}"] = model["pretrain"]["batch_size"]
    return [
        f"{key} is {size}; allowed: at most corpus.pairs, which is {pairs}."
        for key, size in batches.items()
        if size > pairs
    ]
