"""Heads: the two projections of a CLIP-style model, the only weights that fine-tuning changes.

A projection has shape (width, dim): column j is neuron j, the weights that yield coordinate j of
the embedding. NumPy alone is imported here: evaluating a head needs no deep-learning framework.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lib.files import atomic_path


class Head(NamedTuple):
    """The trainable end of a model.

    Attributes:
        image_projection: (image width, dim) float32.
        text_projection: (text width, dim) float32.
        logit_scale: logarithm of the inverse temperature, as open_clip stores it.
    """

    image_projection: np.ndarray
    text_projection: np.ndarray
    logit_scale: float

    def projections(self) -> dict[str, np.ndarray]:
        """The two projections by name, "image" and "text"."""
        return {"image": self.image_projection, "text": self.text_projection}


def write_heads(
    path: str | Path, heads: dict[str, Head], metadata: dict[str, str] | None = None
) -> None:
    """Write heads to one safetensors file, under "{label}/image_projection" and so on.

    Args:
        heads: by label: "pretrained", the seed of a fine-tune, or seed and epoch ("0/10").
        metadata: what made them, in one entry (see `provenance.describe_origin`).
    """
    tensors = {
        f"{label}/{name}": np.array(value, dtype=np.float32, order="C")
        for label, head in heads.items()
        for name, value in head._asdict().items()
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata)


def read_heads(path: str | Path) -> dict[str, Head]:
    """Read the heads of a file that `write_heads` made, by label, in the order of the labels.

    Raises:
        ValueError: the file holds no heads, or is not a safetensors file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    labels = sorted({key.rpartition("/")[0] for key in tensors}, key=_label_order)
    fields = Head._fields
    if not labels or set(tensors) != {f"{label}/{name}" for label in labels for name in fields}:
        raise ValueError(
            f"{path} holds no heads: found {', '.join(sorted(tensors)) or 'nothing'}, "
            f"expected LABEL/{', LABEL/'.join(fields)}"
        )
    return {
        label: Head(
            tensors[f"{label}/image_projection"],
            tensors[f"{label}/text_projection"],
            float(tensors[f"{label}/logit_scale"]),
        )
        for label in labels
    }


def choose_head(heads: Mapping[str, Head], seed: int | None) -> Head:
    """The head that stands for all of a file: the pretrained one, or else that of a seed."""
    return heads["pretrained"] if "pretrained" in heads else heads[str(seed)]


def _label_order(label: str) -> list[tuple[bool, int, str]]:
    """Part by part: seeds and epochs by value (10 after 2), words after them."""
    return [
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in label.split("/")
    ]
