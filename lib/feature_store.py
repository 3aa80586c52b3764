"""Files of features: written by extraction, read by fine-tuning and evaluation (NumPy alone).

A corpus has two memory-mappable .npy files: images (views, n, image width) and texts (n, text
width), row i belonging to row i of the caption table. A downstream dataset has one safetensors
file.
"""

import json
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


def write_origin(path: str | Path, origin: dict[str, str]) -> None:
    """Write as JSON what made a corpus's features (`describe_origin`): an array cannot tell it."""
    with atomic_path(path) as temporary:
        temporary.write_text(origin["origin"] + "\n")


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write an array as .npy, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.save(stream, array)
