"""Downstream datasets on disk, in the WebDataset layout of CLIP_benchmark.

A dataset is one or more shards (`key.png|jpg|...`, `key.cls` with the class number), the class
names (`classnames.txt`, one a line) and prompt templates (`templates.txt`, "{c}" for the class).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lib.corpus import Sample, decode_image, iterate_samples, select_samples
from lib.files import atomic_path

# The usual class names of ImageNet have these twice, and published results rest on them.
REPEATED = {"missile", "sunglasses"}


class Prompts(NamedTuple):
    """Class names, and the prompts of each class: `texts[class][template]`."""

    classes: list[str]
    texts: list[list[str]]


def read_lines(path: str | Path) -> list[str]:
    """The lines of a text file that hold more than spaces, stripped of those around.

    Raises:
        ValueError: there are none.
    """
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise ValueError(f"{path} is empty")
    return lines


def read_prompts(names: str | Path, templates: str | Path) -> Prompts:
    """Read class names and templates; `_` and `/` in a name become spaces in its prompts.

    Raises:
        ValueError: a file is empty, a class is named twice, or a template has no "{c}".
    """
    classes, patterns = read_lines(names), read_lines(templates)
    cleaned = [name.replace("_", " ").replace("/", " ") for name in classes]
    repeated = {name for name, times in Counter(cleaned).items() if times > 1} - REPEATED
    if repeated:
        raise ValueError(
            f"{names} names a class twice: {', '.join(sorted(repeated))} "
            "(`_` and `/` are spaces in prompts)"
        )
    for pattern in patterns:
        if "{c}" not in pattern:
            raise ValueError(f"{templates}: template {pattern!r} has no place {{c}} for the class")
    return Prompts(classes, [[p.replace("{c}", name) for p in patterns] for name in cleaned])


def write_prompts(
    names: str | Path, templates: str | Path, classes: Sequence[str], patterns: Sequence[str]
) -> None:
    """Write class names and templates, after the checks of `read_prompts`."""
    for path, lines in ((names, classes), (templates, patterns)):
        with atomic_path(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    read_prompts(names, templates)


def read_labels(shards: Sequence[str | Path], n_classes: int) -> np.ndarray:
    """Labels (n,) int64 of all samples, in the order of the shards.

    Raises:
        ValueError: a sample has no label, or one that is no class number; or there are no samples.
    """
    labels = []
    for key, parts in iterate_samples(shards):
        text = parts.get("cls", b"").decode(errors="replace").strip()
        if not text.isdecimal() or int(text) >= n_classes:
            raise ValueError(f"sample {key} has label {text!r}, expected 0 to {n_classes - 1}")
        labels.append(int(text))
    if not labels:
        raise ValueError(f"{', '.join(map(str, shards))} hold no samples")
    return np.array(labels, dtype=np.int64)


def choose_rows(labels: np.ndarray, max_samples: int) -> np.ndarray:
    """Rows (at most `max_samples`, ascending) that hold as many of each class as there are.

    The first of every class come first, then the second of every class, and so on: neither shards
    that are sorted by class nor labels that go round leave a class out.
    """
    by_class = np.argsort(labels, kind="stable")
    _, counts = np.unique(labels, return_counts=True)
    rank = np.empty(len(labels), dtype=np.int64)
    rank[by_class] = np.concatenate([np.arange(count) for count in counts])
    return np.sort(np.argsort(rank, kind="stable")[:max_samples])


def iterate_rows(shards: Sequence[str | Path], rows: np.ndarray) -> Iterator[Image.Image]:
    """Yield the RGB images of some rows, ascending; no other image is decoded."""
    for shard, sample in select_rows(shards, rows):
        yield decode_image(sample, shard)


def select_rows(
    shards: Sequence[str | Path], rows: np.ndarray
) -> Iterator[tuple[str | Path, Sample]]:
    """Yield (shard, sample) of some rows, ascending."""
    wanted = set(rows.tolist())
    for row, found in enumerate(select_samples(shards)):
        if row in wanted:
            yield found
