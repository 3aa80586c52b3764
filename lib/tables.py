"""Tables: rows of named values as CSV, without a data-frame library (start-up time).

The order of the columns is that of the first row's keys; an empty cell is a value that does not
exist (None, or not a number).
"""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from lib.files import atomic_path

# How a pretrained model is named where strategies and Cs are columns.
PRETRAINED = {"strategy": "pretrained", "cs": None, "seed": None}


def write_table(path: str | Path, rows: Iterable[dict]) -> None:
    """Write rows, all with the same keys, as CSV.

    Raises:
        ValueError: there are no rows, or keys differ.
    """
    rows = list(rows)
    if not rows:
        raise ValueError(f"there are no rows for {path}")
    columns = list(rows[0])
    differing = [row for row in rows if list(row) != columns]
    if differing:
        raise ValueError(f"{path}: expected columns {columns}, found {list(differing[0])}")
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)


def read_table(path: str | Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file, every value as text."""
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def align_columns(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as text, every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def describe_head(condition: str, label: str | int) -> dict:
    """Strategy, Cs and seed of a head, in this order, from its file's name and its label there.

    "similar_Cs30" and "1" are strategy similar, Cs 0.3, seed 1; "pretrained" has no Cs and no seed.
    """
    if condition == "pretrained":
        return dict(PRETRAINED)
    strategy, _, percent = condition.rpartition("_Cs")
    return {"strategy": strategy, "cs": round(float(percent) / 100, 6), "seed": int(label)}


def _cell(value) -> object:
    is_missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if is_missing else value
