"""A corpus gathered from a table of image files and captions: shards, and a ledger of every row."""

import errno
import os
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from lib.corpus import Sample, write_shard
from lib.ledger import IMAGE, LEFT_OUT, ROW, write_ledger
from lib.lists import get_key, read_columns
from lib.progress import Progress
from lib.recode import ImageError, recode_pair

LEDGER = pa.schema([*ROW, pa.field("path", pa.string()), *IMAGE])
FACTS = ("key", "caption", "path", "sha256", "width", "height")


class Entry(NamedTuple):
    """A row of the table: its number, its caption (None if missing) and the path of its image."""

    row: int
    caption: str | None
    path: str


def read_entries(
    table: str | Path, path_column: str, caption_column: str, first: int, count: int
) -> list[Entry]:
    """Read rows `first` to `first + count` of a table.

    Raises:
        ValueError: a column is missing, or the table ends too early.
    """
    rows = read_columns(table, [path_column, caption_column], first, count)
    return [Entry(row, caption, path or "") for row, (path, caption) in enumerate(rows, first)]


def gather_shard(
    entries: Sequence[Entry],
    root: str | Path,
    shard: str | Path,
    ledger: str | Path,
    size: int,
    max_pixels: int,
    keys: Container[str] | None = None,
) -> None:
    """Write the pairs of some entries into a shard, and what came of each into its ledger.

    Args:
        root: the folder that paths are relative to, and may not lead out of.
        size, max_pixels: as `recode` takes them.
        keys: only entries with these keys are taken; None takes all.
    """
    progress = Progress("images", len(entries), "images")
    rows: list[dict] = []

    def iterate_successes() -> Iterator[Sample]:
        for entry in entries:
            if keys is not None and get_key(entry.row) not in keys:
                row, sample = _describe(entry) | LEFT_OUT, None
            else:
                row, sample = make_pair(entry, root, size, max_pixels)
            rows.append(row)
            progress.advance(1)
            if sample is not None:
                yield sample

    write_shard(shard, iterate_successes())
    write_ledger(ledger, rows, LEDGER)


def make_pair(
    entry: Entry, root: str | Path, size: int, max_pixels: int
) -> tuple[dict, Sample | None]:
    """Read and recode the image of an entry: its row of the ledger, and its sample if it has one.

    Reasons beside those of `recode`: no_caption, outside_root, missing_file, unreadable_file.
    """
    row = _describe(entry)
    try:
        if not (entry.caption or "").strip():
            raise ImageError("no_caption")
        content = _read_file(Path(root), entry.path)
    except ImageError as error:
        return row | {"status": "failed", "error": error.reason}, None
    return recode_pair(row, content, FACTS, size, max_pixels)


def _describe(entry: Entry) -> dict:
    """The columns of a ledger that the table alone gives."""
    return entry._asdict() | {"key": get_key(entry.row)}


def _read_file(root: Path, path: str) -> bytes:
    folder = os.path.normpath(root.absolute())
    target = Path(os.path.normpath(Path(folder, path)))  # as it is named: links are followed
    if not target.is_relative_to(folder):
        raise ImageError("outside_root")
    try:
        return target.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("missing_file") from error
    except (IsADirectoryError, NotADirectoryError, PermissionError, ValueError) as error:
        raise ImageError("unreadable_file") from error
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise  # not the file's fault: another attempt may succeed
        raise ImageError("unreadable_file") from error
