"""Rewritten captions in LaCLIP's form: text files with a line for each row of the corpus's input.

A line that is missing, or one too many, gives every later caption the rewrite of another one, and
nothing would show it. So length and alignment are checked before a rewrite is taken over.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lib.lists import count_lines, iterate_rows, read_lines

BLOCK = 200  # rows that alignment is judged on: real rewrites of that many have never failed
REACH = 3  # rows before and after, whose captions a rewrite must resemble less than its own
SHOWN = 3  # rows that differ are shown in an error
IMAGE_NAMES = (".png", ".jpg", ".jpeg")
WORD = re.compile(r"\w+")


def read_rewrites(
    path: str | Path, captions: Sequence[str | None], total: int, rows: np.ndarray
) -> list[str]:
    """Read the rewrites of some rows.

    A rewrite of fewer than two words is replaced by the caption itself, as LaCLIP's loader does.

    Args:
        path: the rewrites, one a line.
        captions: of the first rows of the input, all of them (None: the row has none).
        total: rows that the input has, which may be more.
        rows: those wanted, int64, ascending; each of them has a caption.

    Raises:
        ValueError: the file has not `total` lines, or is not aligned with the captions
            (`check_overlap`).
    """
    _check_length(path, count_lines(path), total)
    chosen, wanted = [], set(rows.tolist())
    with open(path, "rb") as stream:
        lines = iter(read_lines(stream))
        for first, size in _iterate_blocks(len(captions)):
            rewrites = list(itertools.islice(lines, size))
            originals = captions[first : first + size]
            check_overlap(path, rewrites, originals, first)
            for row, (rewrite, caption) in enumerate(zip(rewrites, originals, strict=True), first):
                if row in wanted:
                    chosen.append(rewrite if len(rewrite.split()) > 1 else caption)
    return chosen


def check_overlap(
    path: str | Path, rewrites: Sequence[str], captions: Sequence[str | None], first: int
) -> None:
    """Check that the rewrites of a block of rows share more words with their own captions.

    The mean share of a caption's words that the rewrite has must be larger than with the captions
    of each of the `REACH` rows before and after (the block taken as a ring). Rows whose two
    captions are the same tell nothing, nor do rewrites of fewer than two words.

    Args:
        first: number of the block's first row.

    Raises:
        ValueError: it is not, showing the first rows of the block.
    """
    told = [row for row, text in enumerate(rewrites) if len(text.split()) > 1 and captions[row]]
    words = [_list_words(captions[row]) for row in told]
    found = [_list_words(rewrites[row]) for row in told]
    shares = [*map(_share, found, words)]
    for shift in {n % max(len(told), 1) for n in range(-REACH, REACH + 1)} - {0}:
        others = words[shift:] + words[:shift]
        margins = [
            share - _share(rewrite, other)
            for share, rewrite, own, other in zip(shares, found, words, others, strict=True)
            if own != other
        ]
        if margins and sum(margins) <= 0:
            shown = [(first + row, captions[row], rewrites[row]) for row in told]
            raise ValueError(
                f"{path} is not aligned with the corpus: the lines of rows {first} to "
                f"{first + len(rewrites) - 1} have no more in common with their captions than "
                f"with those of other rows.{_show(shown, 'rewrite')}"
            )


def check_originals(path: str | Path, captions: Sequence[str | None], total: int) -> None:
    """Check that the captions which were rewritten are those of the corpus, row by row.

    Args:
        path: LaCLIP's CSV (path, caption and more; rows that name no image are none), or a text
            of one caption a line.
        captions, total: as `read_rewrites` takes them.

    Raises:
        ValueError: another number of captions, or others, showing the first rows that differ.
            Spaces at the ends, or several for one, make no difference.
    """
    found = _read_originals(path)
    _check_length(path, len(found), total)
    pairs = enumerate(zip(captions, found, strict=False))
    differing = [
        (row, ours, theirs)
        for row, (ours, theirs) in pairs
        if (ours or "").split() != theirs.split()
    ]
    if differing:
        raise ValueError(
            f"{path} is not aligned with the corpus: {len(differing)} of {len(captions)} captions "
            f"differ.{_show(differing, 'file')}"
        )


def _read_originals(path: str | Path) -> list[str]:
    if Path(path).suffix == ".csv":
        rows = (row for row in iterate_rows(path) if len(row) > 1)
        return [row[1] for row in rows if row[0].lower().endswith(IMAGE_NAMES)]
    with open(path, "rb") as stream:
        return list(read_lines(stream))


def _check_length(path: str | Path, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(
            f"{path} has {found} captions, the corpus's input {expected} rows; expected is one "
            "for each row"
        )


def _iterate_blocks(rows: int) -> Iterator[tuple[int, int]]:
    """First row and size of blocks of at least `BLOCK` rows, or of all if there are fewer."""
    count = max(1, rows // BLOCK)
    bounds = [rows * block // count for block in range(count + 1)]
    return ((first, last - first) for first, last in itertools.pairwise(bounds))


def _list_words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.lower()))


def _share(rewrite: frozenset[str], caption: frozenset[str]) -> float:
    return len(rewrite & caption) / max(len(caption), 1)


def _show(rows: Sequence[tuple[int, str | None, str]], name: str) -> str:
    """The first of some rows, side by side."""
    lines = [f"\n  row {row}: corpus {ours!r}, {name} {theirs!r}" for row, ours, theirs in rows]
    return "".join(lines[:SHOWN])
