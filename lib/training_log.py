"""What was recorded of each epoch of fine-tunes: of all seeds in one file, and as log.txt of each.

An epoch counts from 0, as in the original's log.txt (a JSON line an epoch).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lib.files import atomic_path
from lib.json_files import read_json, write_json


def write_histories(path: str | Path, histories: Mapping[int, Sequence[dict]]) -> None:
    """Write the records of all epochs of several fine-tunes, by seed, as JSON."""
    write_json(path, histories)


def read_histories(path: str | Path) -> dict[int, list[dict]]:
    """Read what `write_histories` wrote."""
    return {int(seed): history for seed, history in read_json(path).items()}


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
        history: of one fine-tune, from `read_histories` or `read_log`.
    """
    accuracies = [record["validation_accuracy"] for record in history]
    return accuracies.index(max(accuracies))
