"""Lists that a corpus is made of, read in parts: TSV, CSV and Parquet files, one row a pair.

A TSV quotes nothing: each line is a row, and a quotation mark is a part of its caption. A CSV is
quoted as usual, and its blank lines are no rows. Rows of a list are numbered from 0.
"""

import codecs
import csv
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

logger = logging.getLogger(__name__)

CHUNK = 1 << 20  # bytes


def get_key(row: int) -> str:
    """The key of the pair that a list has in this row: its number in ten digits."""
    return f"{row:010d}"


def read_rows(
    path: str | Path,
    first: int,
    count: int,
    columns: Sequence[str] | None = None,
    skipped: int = 0,
) -> list[list[str]]:
    """Read rows `first` to `first + count` of a TSV or CSV as lists of cells, without the others.

    Args:
        columns: names of the cells that every row must have.
        skipped: lines before row 0.

    Raises:
        ValueError: the list ends too early or cannot be read, or a row has more or fewer cells.
    """
    rows = list(iterate_rows(path, skipped + first, skipped + first + count))
    for number, row in enumerate(rows, start=first):
        if columns is not None and len(row) != len(columns):
            raise ValueError(
                f"{path}: row {number} has {len(row)} columns, expected {len(columns)} "
                f"({', '.join(columns)})"
            )
    if len(rows) < count:
        raise ValueError(f"{path} ends at row {first + len(rows)}, expected {first + count} rows")
    return rows


def iterate_rows(path: str | Path, first: int = 0, end: int | None = None) -> Iterator[list[str]]:
    """Yield the rows of a TSV or CSV from `first` until `end`, as lists of cells.

    Raises:
        ValueError: the list is no UTF-8 or no CSV.
    """
    iterate = _iterate_tsv if Path(path).suffix == ".tsv" else _iterate_csv
    try:
        yield from iterate(path, first, end)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as {Path(path).suffix[1:]}: {error}") from error


def read_columns(
    path: str | Path, columns: Sequence[str], first: int, count: int
) -> list[tuple[str | None, ...]]:
    """Read some columns of rows `first` to `first + count` of a table whose columns have names.

    The names of a TSV or CSV stand in its first line, which is no row. A missing value of a Parquet
    file is None.

    Raises:
        ValueError: a column is missing, or the table ends too early or cannot be read.
    """
    if Path(path).suffix == ".parquet":
        return _read_parquet(path, columns, first, count)
    [names] = read_rows(path, 0, 1)
    _check_columns(path, columns, names)
    places = [names.index(column) for column in columns]
    rows = read_rows(path, first, count, names, skipped=1)
    return [tuple(row[place] for place in places) for row in rows]


def count_rows(path: str | Path, has_names: bool = False) -> int:
    """The number of rows of a list; `has_names`: the first line of a TSV or CSV is none."""
    suffix = Path(path).suffix
    if suffix == ".parquet":
        return _open_parquet(path).metadata.num_rows
    if suffix == ".csv":
        return sum(1 for _ in iterate_rows(path)) - has_names
    return count_lines(path) - has_names


def count_lines(path: str | Path) -> int:
    """The number of lines of a file; the last one may lack its end."""
    lines, last = 0, b"\n"
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")


def read_lines(stream: Iterable[bytes]) -> Iterator[str]:
    """Lines of bytes as text (UTF-8), without their ends."""
    return (line.rstrip(b"\r\n").decode("utf-8") for line in stream)


def read_keys(path: str | Path) -> set[str]:
    """Read a list of keys, one a line; blank lines are none.

    Raises:
        ValueError: there are none.
    """
    keys = {line.strip() for line in Path(path).read_text(encoding="utf-8").split("\n")} - {""}
    if not keys:
        raise ValueError(f"{path} holds no keys")
    return keys


def read_row_keys(path: str | Path, rows: int) -> set[str]:
    """Read a list of keys of a list's rows (`get_key`), of which `rows` are used.

    Raises:
        ValueError: there are none, or one is no such key.
    """

    def is_known(key: str) -> bool:
        return key.isdecimal() and int(key) < rows and key == get_key(int(key))

    keys = read_keys(path)
    check_keys(keys, is_known, path)
    return keys


def check_keys(keys: set[str], is_known: Callable[[str], bool], path: str | Path) -> None:
    """Check that a list holds keys of the corpus only.

    Raises:
        ValueError: naming the first few that are not.
    """
    unknown = sorted(key for key in keys if not is_known(key))
    if unknown:
        few = ", ".join(map(repr, unknown[:3])) + (", ..." if len(unknown) > 3 else "")
        raise ValueError(f"{path}: {len(unknown)} of {len(keys)} keys are not in the corpus: {few}")


def _iterate_tsv(path: str | Path, first: int, end: int | None) -> Iterator[list[str]]:
    with open(path, "rb") as stream:
        if stream.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            stream.seek(0)
        lines = itertools.islice(stream, first, end)  # what is skipped is not decoded
        yield from (line.split("\t") for line in read_lines(lines))


def _iterate_csv(path: str | Path, first: int, end: int | None) -> Iterator[list[str]]:
    is_told = False
    with open(path, encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        for row in itertools.islice(filter(None, reader), first, end):
            if not is_told and any("\n" in cell for cell in row):
                place = f"{path}, line {reader.line_num}"
                logger.warning("%s ends a row of several lines: was a quote not closed?", place)
                is_told = True
            yield row


def _read_parquet(
    path: str | Path, columns: Sequence[str], first: int, count: int
) -> list[tuple[str | None, ...]]:
    """Only the row groups that hold the rows are read."""
    file = _open_parquet(path)
    _check_columns(path, columns, file.schema_arrow.names)
    if file.metadata.num_rows < first + count:
        raise ValueError(
            f"{path} ends at row {file.metadata.num_rows}, expected {first + count} rows"
        )
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    starts = list(itertools.accumulate(sizes, initial=0))
    groups = [
        n for n, size in enumerate(sizes) if starts[n] < first + count and starts[n] + size > first
    ]
    table = file.read_row_groups(groups, list(columns)).slice(first - starts[groups[0]], count)
    return list(zip(*(table[c].cast(pa.string()).to_pylist() for c in columns), strict=True))


def _open_parquet(path: str | Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a Parquet file: {error}") from error


def _check_columns(path: str | Path, columns: Sequence[str], names: Sequence[str]) -> None:
    missing = [column for column in columns if column not in names]
    if missing:
        shown = [name if len(name) < 40 else f"{name[:40]}..." for name in names[:5]]
        found = f"{', '.join(map(repr, shown))}{', ...' if names[5:] else ''} ({len(names)} in all)"
        raise ValueError(f"{path} lacks the column(s) {', '.join(missing)}; found {found}")
    twice = [column for column in columns if list(names).count(column) > 1]
    if twice:
        raise ValueError(f"{path} has {twice[0]!r} twice; expected columns of different names")
