"""The log.txt of a fine-tune: a JSON line an epoch, which counts from 0."""

import json
from collections.abc import Sequence
from pathlib import Path

from lib.files import atomic_path


def write_log(path: str | Path, history: Sequence[dict]) -> None:
    """Write the records of all epochs."""
    with atomic_path(path) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in history))


def read_log(path: str | Path) -> list[dict]:
    """Read what `write_log` wrote."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def find_best_epoch(history: Sequence[dict]) -> int:
    """The epoch, counted from 0, of the highest validation accuracy; of equal ones, the first.

    Args:
        history: from `read_log`.
    """
    accuracies = [record["validation_accuracy"] for record in history]
    return accuracies.index(max(accuracies))
