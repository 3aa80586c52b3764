"""Ledgers: what came of every row of a corpus's input, and the pairs that follow from them.

Each shard has a ledger, a Parquet table with a row for *every* row of the input, in its order. The
ledgers alone say which pairs exist: a pair that cannot be had is dropped under its key, image and
caption, counted and listed, and never replaced by another.
"""

import collections
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lib.corpus import CaptionTable
from lib.files import atomic_path

DROPPED = ("transient", "failed")  # transient: the reason may be gone at another time
LEFT_OUT = {"status": "left_out", "error": ""}  # not in the list of keys, and not even looked at
# What every ledger has: of the row, and of an image that could be had.
ROW = [
    pa.field("row", pa.int64()),  # in the list; of a shard that was brought, in that shard
    pa.field("key", pa.string()),
    pa.field("caption", pa.string()),  # missing if the row has none
    pa.field("status", pa.string()),  # success, transient, failed or left_out
    pa.field("error", pa.string()),  # the reason, empty if there is none
]
IMAGE = [
    pa.field("bytes", pa.int64()),  # of the file or body, as it came
    pa.field("sha256", pa.string()),  # of the same
    pa.field("width", pa.int32()),  # of the image in the shard
    pa.field("height", pa.int32()),
]


def write_ledger(
    path: str | Path,
    rows: Sequence[dict],
    schema: pa.Schema,
    metadata: Mapping[bytes, bytes] | None = None,
) -> None:
    """Write the rows of a ledger; what a row does not name is missing."""
    with atomic_path(path) as temporary:
        table = pa.Table.from_pylist(list(rows), schema.with_metadata(metadata))
        pq.write_table(table, temporary)


def read_ledger(path: str | Path) -> list[dict]:
    """The rows of a ledger, in the order of the input."""
    return pq.read_table(path).to_pylist()


def read_ledgers(paths: Sequence[str | Path]) -> pa.Table:
    """Key, caption, status, error and number of the shard of all rows of the input, in its order.

    Raises:
        ValueError: a key is used twice: which image belongs to a caption could not be told.
    """
    columns = ["key", "caption", "status", "error"]
    tables = [pq.read_table(path, columns=columns) for path in paths]
    ledger = pa.concat_tables(
        table.append_column("shard", pa.array(np.full(len(table), number, np.int32)))
        for number, table in enumerate(tables)
    )
    counts = pc.value_counts(ledger["key"])
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise ValueError(
            f"{len(twice)} keys of the corpus are used more than once, the first of them "
            f"{twice[0]['values'].as_py()!r}; expected are unique keys"
        )
    return ledger


def count_pairs(paths: Sequence[str | Path]) -> int:
    """How many rows of some ledgers gave a pair."""
    statuses = (pq.read_table(path, columns=["status"])["status"] for path in paths)
    return sum(status.to_pylist().count("success") for status in statuses)


def summarise(ledger: pa.Table) -> list[dict]:
    """Count what came of all rows: status, error, rows and share, most frequent first."""
    pairs = zip(ledger["status"].to_pylist(), ledger["error"].to_pylist(), strict=True)
    counts = collections.Counter(pairs)
    return [
        {"status": status, "error": error, "rows": count, "share": count / len(ledger)}
        for (status, error), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def check_success(summary: Sequence[dict], least: float) -> None:
    """Refuse a corpus of whose rows (but those left out) too few gave a pair.

    Raises:
        ValueError: with the shares of all errors.
    """
    asked = [row for row in summary if row["status"] != LEFT_OUT["status"]]
    total = sum(row["rows"] for row in asked)
    success = sum(row["rows"] for row in asked if row["status"] == "success") / max(total, 1)
    if success < least:
        errors = [row for row in asked if row["status"] != "success"]
        told = ", ".join(
            f"{row['error']} {row['rows'] / total:.1%} ({row['rows']})" for row in errors
        )
        raise ValueError(
            f"{success:.1%} of the rows gave an image; expected are at least {least:.1%} "
            f"(corpus.min_success). The others: {told}."
        )


def write_dropped(path: str | Path, ledger: pa.Table) -> None:
    """List the key and the reason of every pair that was dropped, as CSV."""
    dropped = ledger.filter(pc.is_in(ledger["status"], pa.array(DROPPED)))
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["key", "error"])
        writer.writerows(zip(dropped["key"].to_pylist(), dropped["error"].to_pylist(), strict=True))


def select_pairs(ledger: pa.Table, pairs: int, validation_pairs: int) -> np.ndarray:
    """Rows (int64, ascending) of the first pairs that can be had, as many as are asked for.

    Raises:
        ValueError: there are fewer.
    """
    available = np.flatnonzero(pc.equal(ledger["status"], "success").to_numpy())
    if len(available) < pairs + validation_pairs:
        raise ValueError(
            f"{len(available)} pairs of the corpus are available ({len(ledger)} rows were given); "
            f"corpus.pairs {pairs} and corpus.validation_pairs {validation_pairs} ask for "
            f"{pairs + validation_pairs}. Lower these, or give it more: corpus.rows, "
            "corpus.shards or corpus.keys."
        )
    return available[: pairs + validation_pairs]


def make_captions(
    ledger: pa.Table, rows: np.ndarray, pairs: int, rewrites: Sequence[list[str]]
) -> CaptionTable:
    """The caption table of some rows: the first `pairs` are for training, the rest validation.

    Args:
        rewrites: of the same rows, a list for each of R.
    """
    chosen = ledger.take(rows)
    splits = ["train" if place < pairs else "validation" for place in range(len(rows))]
    keys, captions, shards = (chosen[name].to_pylist() for name in ("key", "caption", "shard"))
    return CaptionTable(keys, splits, captions, list(rewrites), shards)
