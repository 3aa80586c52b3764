"""Layouts of state dicts: the names under which LaCLIP and open_clip keep the same weights.

A model of LaCLIP is open_clip's class with an image tower of timm; the layouts differ in where this
tower lies, and in how its projection is named and turned.
"""

from typing import NamedTuple

import torch

State = dict[str, torch.Tensor]


class _Names(NamedTuple):
    """How names of the image tower begin, and the name of its projection."""

    tower: str
    projection: str


_OPEN_CLIP = _Names("visual.trunk.", "visual.head.proj.weight")  # of a linear layer: (dim, width)
_LAYOUTS = {
    "laclip": _Names("visual.", "image_projection"),  # (width, dim)
    "open_clip": _OPEN_CLIP,
}


def to_open_clip(state: State, layout: str) -> State:
    """Weights in a layout ("laclip" or "open_clip") under open_clip's names."""
    return _rename(state, _LAYOUTS[layout], _OPEN_CLIP)


def from_open_clip(state: State, layout: str) -> State:
    """Weights under open_clip's names in a layout: the inverse of `to_open_clip`."""
    return _rename(state, _OPEN_CLIP, _LAYOUTS[layout])


def _rename(state: State, old: _Names, new: _Names) -> State:
    if old == new:
        return state
    renamed = {}
    for name, tensor in state.items():
        if name == old.projection:
            renamed[new.projection] = tensor.T.contiguous()
        elif name.startswith(old.tower):
            renamed[new.tower + name.removeprefix(old.tower)] = tensor
        else:
            renamed[name] = tensor
    return renamed
