"""The registry of downstream datasets that torchvision reads: data, in config/datasets.yaml."""

from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

REGISTRY = "config/datasets.yaml"
SCHEMA = "workflow/schemas/datasets.schema.yaml"


def read_registry(root: str | Path) -> dict[str, dict]:
    """Entries by name; what a key means stands at the top of the file.

    Args:
        root: the folder of the project.

    Raises:
        ValueError: the file is no YAML, an entry does not fit the schema, a name is used twice, or
            a list of class names has another length than `classes` says.
    """
    path = Path(root, REGISTRY)
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    schema = yaml.safe_load(Path(root, SCHEMA).read_text(encoding="utf-8"))
    error = best_match(Draft202012Validator(schema).iter_errors(entries))
    if error is not None:
        raise ValueError(f"{path}, {error.json_path}: {error.message}")
    registry: dict[str, dict] = {}
    for entry in entries:
        name, names = entry["name"], entry["names"]
        if name in registry:
            raise ValueError(f"{path} has two entries named {name!r}")
        if isinstance(names, list) and len(names) != entry["classes"]:
            raise ValueError(f"{path}: {name} names {len(names)} classes of {entry['classes']}")
        registry[name] = entry
    return registry


def choose_split(entry: dict, training: bool) -> dict:
    """An entry as it is for the test images, or with what `train` says for the training images."""
    test = {key: value for key, value in entry.items() if key != "train"}
    return test | entry["train"] if training else test


def list_files(entry: dict, root: str | Path) -> list[Path]:
    """What must lie under `root`: of alternatives the first that is there, or the first."""
    files = []
    for alternatives in entry["files"]:
        paths = [Path(root, name) for name in alternatives.split(" or ")]
        files.append(next((path for path in paths if path.exists()), paths[0]))
    return files
