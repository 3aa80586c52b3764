"""Values in JSON files, which are either whole or absent."""

import json
import math
from pathlib import Path
from typing import Any

from lib.files import atomic_path


def write_json(path: str | Path, value: Any, indent: int | None = 1) -> None:
    """Write a value; floats that are not a number, which JSON has not, become null.

    Args:
        indent: None writes one line.

    Raises:
        ValueError: a float is infinite.
        TypeError: there is no such value in JSON.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(_without_nan(value), indent=indent, separators=separators, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read the value in a file.

    Raises:
        ValueError: the file is no JSON.
    """
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
