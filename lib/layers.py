"""Matrices inside the towers of a model whose rows are neurons, too.

In a transformer's block, the output matrices of attention and of the MLP write into the residual
stream, (width, inputs): row i yields coordinate i, as column i of a projection does.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import safe_open

# names of weights in open_clip's own transformers and in timm's
_ATTENTION = r"(?:attn\.out_proj|attn\.proj)"
_MLP = r"(?:mlp\.c_proj|mlp\.fc2|mlp\.w2)"
_BLOCK = re.compile(
    r"(?P<tower>(?:(?!stages\.|layers\.).)*?)"  # not of stages, each of which counts its own blocks
    rf"(?:resblocks|blocks)\.(?P<block>\d+)\.(?:{_ATTENTION}|{_MLP})\.weight"
)


class Layer(NamedTuple):
    """An output matrix: its tower ("image" or "text"), block (from 1) and kind."""

    tower: str
    block: int
    kind: str  # "attention" or "mlp"
    name: str


def find_layers(names: Iterable[str]) -> list[Layer]:
    """The output matrices among the names of a model's weights, in the order of the blocks.

    A tower of stages (ConvNeXt, Swin) has none: its width changes, there is no one residual stream.
    Nor has a convolutional one.
    """
    matches = filter(None, map(_BLOCK.fullmatch, names))
    layers = [
        Layer(
            "image" if "visual" in match["tower"] else "text",
            int(match["block"]) + 1,
            "attention" if ".attn." in match[0] else "mlp",
            match[0],
        )
        for match in matches
    ]
    return sorted(layers)


def read_layers(path: str | Path) -> Iterable[tuple[Layer, np.ndarray]]:
    """Each output matrix of a safetensors file as (inputs, width) float32, column = neuron."""
    with safe_open(path, framework="numpy") as file:
        for layer in find_layers(file.keys()):
            yield layer, file.get_tensor(layer.name).T.astype(np.float32)
