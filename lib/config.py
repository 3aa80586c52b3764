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

from lib.corpus_checks import check_corpus, list_corpus_files
from lib.dataset_checks import check_datasets, list_dataset_files, list_places
from lib.dataset_registry import read_registry
from lib.downstream_checks import check_downstream, list_pair_files
from lib.model_checks import check_models, list_model_files
from lib.simulation_checks import check_simulation

# Words for what the schema says in its own.
KINDS = {
    "array": "a list",
    "object": "keys with values of their own",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
PATTERNS = {
    "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$": "letters and digits, with '_', '.' or '-' within",
    "^[0-9a-fA-F]{64}$": "64 hexadecimal digits",
    r"^(photo|imagenet_7|imagenet_80|.+\.txt)$": (
        "photo, imagenet_7, imagenet_80, or a file that ends in .txt"
    ),
    r"^(?![~ ])[^\x00-\x1f${}]+(?![\s\S])": (
        "a path that begins with neither '~' nor a space, without '$', '{', '}' and line breaks"
    ),
    "^https?://": "an address that begins with http:// or https://",
}


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
    problems = list(dict.fromkeys(map(_explain, errors)))  # what several sections lack is said once
    if not problems:
        problems = _cross_check(config, Path(root))
    if problems:
        raise ValueError("The configuration is not valid. " + " ".join(problems))


def check_keys(path: str | Path) -> None:
    """Refuse a configuration file that gives a key twice: YAML would let the last one win.

    Raises:
        ValueError: names the first such key, and its lines.
    """
    nodes = [yaml.compose(Path(path).read_text(), Loader=yaml.SafeLoader)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.value in lines:
                    raise ValueError(
                        f"{path} has the key {key.value!r} twice, in lines {lines[key.value]} and "
                        f"{line}; allowed: once."
                    )
                lines[key.value] = line
                nodes.append(value)


def list_brought_files(config: dict, root: str | Path) -> dict[str, str]:
    """Files that a user must bring: path to what it is, and where it comes from."""
    files = list_corpus_files(config["corpus"]) if "corpus" in config else {}
    datasets = list_dataset_files(config.get("datasets", []), read_registry(root))
    return files | list_model_files(config) | datasets | list_pair_files(config)


def explain_missing(files: dict[str, str]) -> str:
    """One paragraph on files that must be brought before a study can run."""
    return (
        f"These files are not there yet: {describe_files(files)}. Put them there, or change "
        "what the configuration says of them (docs/data.md, docs/models.md)."
    )


def describe_files(files: dict[str, str]) -> str:
    """Paths with what they are, those of one kind together: "a.tar, b.tar and 7 more (shards)"."""
    by_kind: dict[str, list[str]] = {}
    for path, about in files.items():
        by_kind.setdefault(about, []).append(path)
    parts = []
    for about, paths in by_kind.items():
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        parts.append(f"{', '.join(paths[:3])}{more} ({about})")
    return "; ".join(parts)


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
    if error.validator == "dependentRequired":
        needed = "; ".join(
            f"{name}, which {' and '.join(sections)} need{'s' if len(sections) == 1 else ''}"
            for name, sections in _find_needed(error).items()
        )
        return f"{key} lacks {needed}."
    return f"{key} is {error.instance!r}; allowed: {_allowed(error)}."


def _find_needed(error: ValidationError) -> dict[str, list[str]]:
    """Sections that are not there, each with those that are and need it."""
    found: dict[str, list[str]] = {}
    for section, names in error.validator_value.items():
        for name in names:
            if section in error.instance and name not in error.instance:
                found.setdefault(name, []).append(section)
    return found


def _allowed(error: ValidationError) -> str:
    value = error.validator_value
    if value == "number" and _is_numeral(error.instance):
        return "a number; YAML takes 1e-3 for a text, and 0.001 or 1.0e-3 for a number"
    words = {
        "type": KINDS.get(str(value), value),
        "enum": f"one of {', '.join(map(repr, value)) if isinstance(value, list) else value}",
        "const": f"{value!r}",
        "minimum": f"a number of at least {value}",
        "maximum": f"a number of at most {value}",
        "exclusiveMinimum": f"a number above {value}",
        "exclusiveMaximum": f"a number below {value}",
        "multipleOf": f"a multiple of {value}",
        "minLength": "a text that is not empty",
        "minItems": f"a list of at least {value} entries",
        "maxItems": f"a list of at most {value} entries",
        "uniqueItems": "a list without repetitions",
        "pattern": PATTERNS.get(str(value), f"text that matches {value}"),
    }
    return words.get(str(error.validator), error.message)


def _is_numeral(value: object) -> bool:
    """Whether a value is a text that reads as a number."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def _key_path(path) -> str:
    """`finetune.sensitivity[2].lr` of a path of keys and positions; at the top, a phrase."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the configuration"


def _cross_check(config: dict, root: Path) -> list[str]:
    """What spans several keys, section by section; a section that is absent is not checked."""
    problems = [*_check_names(config), *check_models(config, root)]
    if "simulation" in config:
        problems += check_simulation(config["simulation"])
    if not config["models"] and ("simulation" not in config or "datasets" in config):
        problems.append("models is []; allowed: at least one, or a study of simulation alone.")
    if "corpus" in config:
        problems += check_corpus(config) + _check_batches(config) + _check_parts(config)
    if "datasets" in config:
        problems += check_datasets(config, read_registry(root)) + _check_precision(config)
        problems += check_downstream(config)
    if "misalignment" in config:
        problems += [
            *_check_misalignment(config),
            *_check_ranges(config),
            *_check_validation(config),
            *_check_remedy(config),
        ]
    return problems


def _check_names(config: dict) -> list[str]:
    """Names that must be unique: YAML and Snakemake would silently let the last one win."""
    recipes = config.get("finetune", {}).get("sensitivity", [])
    groups = {
        "models": config["models"],
        "datasets": config.get("datasets", []),
        "finetune.sensitivity": recipes,
    }
    problems = []
    for key, entries in groups.items():
        for name, times in Counter(entry["name"] for entry in entries).items():
            if times > 1:
                problems.append(f"{key} has {times} entries named {name!r}; names must be unique.")
    if any(recipe["name"] == "main" for recipe in recipes):
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
    pairs = config["corpus"]["pairs"]
    swapped = {share: _count_swapped(share, pairs) for share in cs if share}
    problems += [
        f"misalignment.cs has {share}, which swaps {count} of {pairs} pairs; allowed: 0, and "
        "shares that swap at least 2 and leave at least 2, to be told apart."
        for share, count in swapped.items()
        if not 2 <= count <= pairs - 2
    ]
    # A share is of the captions, a whole number counts them.
    least, most = (
        bound if isinstance(bound, int) else bound * pairs
        for bound in (tfidf["min_df"], tfidf["max_df"])
    )
    if least > min(most, pairs):
        problems.append(
            f"misalignment.tfidf.min_df is {tfidf['min_df']}; allowed: at most max_df, which is "
            f"{tfidf['max_df']}, of {pairs} pairs."
        )
    return problems


def _count_swapped(cs: float, pairs: int) -> int:
    """Captions that are swapped at most: two by two, until their share is reached."""
    return min(2 * math.ceil(int(cs * pairs) / 2), pairs)


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


def _check_validation(config: dict) -> list[str]:
    """The best epoch needs held-out pairs, or a dataset that is not the only one."""
    name = config["finetune"].get("validation")
    names = [d["name"] for d in config["datasets"] if "train_of" not in d]
    if name is None:
        return []
    if name not in names:
        return [f"finetune.validation is {name!r}; allowed: one of datasets ({', '.join(names)})."]
    places = {dataset["name"]: list_places(dataset) for dataset in config["datasets"]}
    same = [each for each in names if each != name and places[each] & places[name]]
    if same:
        return [
            f"finetune.validation is {name!r}, whose images are those of {same[0]!r}; allowed: a "
            "dataset of other images than those that are tested."
        ]
    if names == [name]:
        return [f"finetune.validation is {name!r}, the only dataset; a study needs one to test on."]
    return []


def _check_remedy(config: dict) -> list[str]:
    """Remedies are tried where captions are swapped, and have proposals to choose from."""
    if "remedy" not in config:
        return []
    remedy, swapped = config["remedy"], config["misalignment"]["cs"]
    problems = [
        f"remedy.cs has {cs}; allowed: values of misalignment.cs, which are {swapped}."
        for cs in remedy.get("cs", [])
        if cs not in swapped
    ]
    pairs, batch = config["corpus"]["pairs"], config["finetune"]["batch_size"]
    aligned = pairs - _count_swapped(max(remedy.get("cs", swapped)), pairs)
    clean = min(round(remedy["clean_share"] * pairs), aligned)
    if remedy["neighbours"] >= clean:
        problems.append(
            f"remedy.neighbours is {remedy['neighbours']}; allowed: fewer than the {clean} clean "
            "pairs (remedy.clean_share of corpus.pairs, or what the largest Cs leaves aligned)."
        )
    problems += [
        f"remedy.drop has {share}, which leaves {pairs - round(share * pairs)} of {pairs} pairs; "
        f"allowed: shares that leave at least finetune.batch_size, which is {batch}."
        for share in remedy.get("drop", [])
        if pairs - round(share * pairs) < batch
    ]
    return problems


def _check_precision(config: dict) -> list[str]:
    """Towers compute in bfloat16 on a GPU only; whether "auto" finds one, the job will tell."""
    if config["evaluation"]["precision"] == "bfloat16" and config["device"] == "cpu":
        return [
            "evaluation.precision is 'bfloat16'; allowed: 'float32' where device is 'cpu', or "
            "another device."
        ]
    return []


def _check_batches(config: dict) -> list[str]:
    pairs = config["corpus"]["pairs"]
    return [
        f"{key} is {size}; allowed: at most corpus.pairs, which is {pairs}."
        for batches in _list_batches(config).values()
        for key, size in batches.items()
        if size > pairs
    ]


def _check_parts(config: dict) -> list[str]:
    """The processes that train together divide every batch evenly."""
    batches = _list_batches(config)
    return [
        f"{key} is {size}; allowed: a multiple of gpus.{stage}, which is {count}."
        for stage, count in config.get("gpus", {}).items()
        for key, size in batches[stage].items()
        if size % count
    ]


def _list_batches(config: dict) -> dict[str, dict[str, int]]:
    """Batch sizes of the stages that train, by the key that sets them."""
    pretrain = {
        f"batch_size of model {model['name']!r}": model["pretrain"]["batch_size"]
        for model in config["models"]
        if model["kind"] == "scratch"
    }
    finetune = {}
    if "finetune" in config:
        finetune["finetune.batch_size"] = config["finetune"]["batch_size"]
    return {"pretrain": pretrain, "finetune": finetune}
