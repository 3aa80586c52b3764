"""Files of features: written by extraction, read by fine-tuning and evaluation (NumPy alone).

A corpus has memory-mappable .npy files: one of texts (n, text width), row i belonging to row i of
the caption table, and for each chunk of the corpus (some consecutive shards) one of images (views,
rows of the chunk, image width), which together are those of the table. They are float32, or float16
where the study asks for half of the disk; what is gathered from them is float32. A downstream
dataset has one safetensors file.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from lib.files import atomic_path


class DatasetFeatures(NamedTuple):
    """A downstream dataset as one model sees it, before the projections.

    Attributes:
        images: (n, image width) float32.
        labels: (n,) int64.
        texts: (classes, templates, text width) float32, the prompts of each class.
        classes: their names.
    """

    images: np.ndarray
    labels: np.ndarray
    texts: np.ndarray
    classes: list[str]


def write_dataset_features(
    path: str | Path, features: DatasetFeatures, origin: dict[str, str] | None = None
) -> None:
    """Write a dataset's features, with the class names and what made them in the metadata."""
    tensors = {
        "images": np.ascontiguousarray(features.images, dtype=np.float32),
        "labels": np.ascontiguousarray(features.labels, dtype=np.int64),
        "texts": np.ascontiguousarray(features.texts, dtype=np.float32),
    }
    with atomic_path(path) as temporary:
        # one entry: safetensors writes several in an order that changes from run to run
        about = {"classes": features.classes, **(origin or {})}
        save_file(tensors, temporary, {"about": json.dumps(about)})


def read_dataset_features(path: str | Path) -> DatasetFeatures:
    """Read what `write_dataset_features` wrote."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in ("images", "labels", "texts")}
        return DatasetFeatures(**tensors, classes=json.loads(file.metadata()["about"])["classes"])


def open_features(
    images: Sequence[str | Path],
    texts: str | Path,
    shards: Sequence[int],
    shards_per_chunk: int,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Memory maps of a corpus's features: images (views, rows of the chunk, image width) for each
    chunk that has pairs, and texts (n, text width).

    Args:
        images: the files of all chunks, in the order of the corpus. One may hold more pairs than
            the caption table has of its shards, which then are the first of them.
        texts: the file of all texts.
        shards: the number of the shard of each pair of the caption table.

    Raises:
        ValueError: the file of a chunk holds fewer pairs than the table.
    """
    counts = np.bincount(np.asarray(shards) // shards_per_chunk, minlength=len(images))
    chunks = []
    for path, count in zip(images, counts, strict=True):
        chunk = np.load(path, mmap_mode="r")
        if chunk.shape[1] < count:
            raise ValueError(
                f"{path} has features of {chunk.shape[1]} pairs; the caption table has {count} "
                "pairs in its shards. Remove the file, and it is made anew."
            )
        if count:  # without pairs it has no width either
            chunks.append(chunk[:, :count])
    return chunks, np.load(texts, mmap_mode="r")


def gather_rows(chunks: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Rows (len(rows), width) float32 of an array that lies in consecutive chunks (each n, width).

    Only what is asked for is read, chunk by chunk.
    """
    starts = np.cumsum([0, *map(len, chunks)])
    owners = np.searchsorted(starts, rows, side="right") - 1
    gathered = np.empty((len(rows), chunks[0].shape[1]), np.float32)
    for number in np.unique(owners):
        places = np.flatnonzero(owners == number)
        gathered[places] = chunks[number][rows[places] - starts[number]]
    return gathered


def to_storage(features: np.ndarray, dtype: str) -> np.ndarray:
    """Features as they are kept on disk.

    Args:
        dtype: "float32" or "float16".

    Raises:
        ValueError: a value is beyond the range of `dtype`.
    """
    largest, limit = float(np.abs(features).max(initial=0)), float(np.finfo(dtype).max)
    if largest > limit:
        raise ValueError(
            f"evaluation.storage is {dtype}, which goes to {limit:g}; a feature is {largest:.3g}: "
            "it needs float32"
        )
    return features.astype(np.dtype(dtype).newbyteorder("<"), copy=False)


def write_origin(path: str | Path, origin: dict[str, str]) -> None:
    """Write as JSON what made a corpus's features (`describe_origin`): an array cannot tell it."""
    with atomic_path(path) as temporary:
        temporary.write_text(origin["origin"] + "\n")


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write an array as .npy, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.save(stream, array)
