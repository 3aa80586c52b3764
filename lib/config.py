"""The study's configuration, checked whole before anything is planned.

A JSON schema says what each key may be; what spans several keys (a k larger than the embedding, a
model of another corpus) is checked here.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml
from braceexpand import UnbalancedBracesError, braceexpand
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from lib.glyphs import TASKS

SHOWN = 4  # files that are missing are named, if there are more


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


def embed_dim(model: dict, root: str | Path) -> int:
    """Number of neurons of a model's projections."""
    return read_architecture(model["architecture"], root)["embed_dim"]


def read_architecture(path: str | Path, root: str | Path = ".") -> dict:
    """Read a model's architecture (open_clip's config form) from JSON.

    Raises:
        ValueError: the file is missing or no JSON, or lacks a key that a two-tower model needs.
    """
    path = Path(root) / path
    try:
        architecture = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ValueError(f"The architecture {path} does not exist.") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"The architecture {path} is not valid JSON: {error}.") from error
    missing = {"embed_dim", "vision_cfg", "text_cfg"} - set(architecture)
    if missing:
        raise ValueError(f"The architecture {path} lacks {', '.join(sorted(missing))}.")
    return architecture


def list_brought_files(config: dict) -> list[str]:
    """Paths of the files (and the folder of images) that a user must bring."""
    corpus = config["corpus"]
    if corpus["kind"] == "glyphs":
        return []
    # a list stands under the name of its kind
    given = list_shards(corpus) if corpus["kind"] == "shards" else [corpus[corpus["kind"]]]
    rewrites = corpus.get("rewrites", {})
    others = [corpus.get("root"), corpus.get("keys"), rewrites.get("captions")]
    others += rewrites.get("files", [])
    return [*given, *(path for path in others if path is not None)]


def list_shards(corpus: dict) -> list[str]:
    """Paths of the shards of a corpus of that kind, in order, with brace ranges expanded."""
    return [path for pattern in corpus["shards"] for path in braceexpand(pattern)]


def abbreviate(paths: Sequence[str]) -> str:
    """Paths in a sentence: many are told by the first few and their number."""
    more = len(paths) - SHOWN
    few = ", ".join(map(str, paths[:SHOWN]))
    return f"{few}, ... and {more} more" if more > 0 else few


def explain_missing(paths: Sequence[str]) -> str:
    """One paragraph on files that must be brought before a study can run."""
    return (
        f"These files are not there yet: {abbreviate(paths)}. Put them there, or change "
        "what the configuration says of them (docs/data.md tells where they come from)."
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
        *_check_corpus(config["corpus"]),
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
        name = model["name"]
        if "rewrites" in model["captions"] and not config["corpus"].get("rewrites"):
            problems.append(f"captions of model {name!r} has 'rewrites'; the corpus has none.")
        if model["corpus"] != config["corpus"]["name"]:
            problems.append(
                f"models {name!r} is pretrained on corpus {model['corpus']!r}; "
                f"the study has {config['corpus']['name']!r}."
            )
        try:
            dim = embed_dim(model, root)
        except ValueError as error:
            problems.append(str(error))
            continue
        too_large = [k for k in config["pruning"]["keep"] if k >= dim]
        if too_large:
            problems.append(
                f"pruning.keep has {', '.join(map(str, too_large))}; allowed: less than the "
                f"{dim} neurons of model {name!r} (all of them are measured as `full`)."
            )
    return problems


def _check_sizes(config: dict) -> list[str]:
    pairs = config["corpus"]["pairs"]
    batches = {"finetune.batch_size": config["finetune"]["batch_size"]}
    for model in config["models"]:
        batches[f"batch_size of model {model['name']!r}"] = model["pretrain"]["batch_size"]
    return [
        f"{key} is {size}; allowed: at most corpus.pairs, which is {pairs}."
        for key, size in batches.items()
        if size > pairs
    ]


def _check_corpus(corpus: dict) -> list[str]:
    """Rows for all pairs that are asked for; shards named once, in brace ranges that are closed."""
    wanted = corpus["pairs"] + corpus["validation_pairs"]
    if corpus.get("rows", wanted) < wanted:
        return [
            f"corpus.rows is {corpus['rows']}; allowed: at least corpus.pairs and "
            f"corpus.validation_pairs together, which are {wanted}."
        ]
    if corpus["kind"] != "shards":
        return []
    try:
        paths = Counter(list_shards(corpus))
    except UnbalancedBracesError:
        return [f"corpus.shards is {corpus['shards']}; allowed: braces that are closed."]
    twice = [path for path, times in paths.items() if times > 1]
    return [f"corpus.shards names {abbreviate(twice)} more than once."] if twice else []
