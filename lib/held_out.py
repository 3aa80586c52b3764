"""What is looked at downstream beside the test sets: training images of probes, held-out pairs.

Of one model it is one safetensors file of features before the projection: "train/{dataset}/images"
and "train/{dataset}/labels" of the images that probes for a dataset are trained on, and
"pairs/images" and "pairs/texts".
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from lib.corpus import select_samples
from lib.datasets import read_lines
from lib.files import atomic_path
from lib.token_words import token_words


def select_held_out(
    shards: Sequence[str | Path], count: int, context_length: int | None = None
) -> tuple[list[str], list[str]]:
    """Keys and captions of the first `count` pairs of shards, without those that repeat a caption.

    Of two images with one caption neither could be told to be the right one. Captions are one if
    they are to a text tower of this context length (`lib.token_words`).

    Raises:
        ValueError: a sample has no caption, or there are too few pairs.
    """
    pairs: dict[str, tuple[str, str]] = {}  # by what a text tower sees of the caption
    found = 0
    for shard, sample in itertools.islice(select_samples(shards), count):
        if "txt" not in sample.parts:
            raise ValueError(f"{shard}: sample {sample.key} has no caption (.txt)")
        caption = sample.parts["txt"].decode(errors="replace").strip()
        pairs.setdefault(token_words(caption, context_length), (sample.key, caption))
        found += 1
    if found < count:
        raise ValueError(f"{', '.join(map(str, shards))} hold {found} pairs, expected {count}")
    keys, captions = zip(*pairs.values(), strict=True)
    return list(keys), list(captions)


def check_same_classes(train: str | Path, test: str | Path) -> None:
    """Raise ValueError unless two files name the same classes in the same order."""
    found, expected = read_lines(train), read_lines(test)
    if found != expected:
        raise ValueError(
            f"{train} names {len(found)} classes, {test} names {len(expected)}: expected the same "
            "in the same order, or labels would mean something else"
        )


def write_held_out(path: str | Path, tensors: dict[str, np.ndarray], origin: dict) -> None:
    """Write features by name, with what made them (`provenance.describe_origin`)."""
    with atomic_path(path) as temporary:
        save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, temporary, origin)


def read_held_out(path: str | Path) -> dict[str, np.ndarray]:
    """Read what `write_held_out` wrote."""
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
