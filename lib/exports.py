"""Whole checkpoints of fine-tuned heads: the pretrained weights with other projections."""

from pathlib import Path

import torch

from lib.checkpoints import NAMES, find_projections
from lib.files import atomic_path
from lib.heads import Head
from lib.layouts import from_open_clip


def write_checkpoint(
    path: str | Path, weights: dict[str, torch.Tensor], head: Head, epoch: int, layout: str
) -> None:
    """Write a pretrained model with other projections, as the original does: {epoch, state_dict}.

    Args:
        weights: of the pretrained model, under open_clip's names.
        head: the projections that take the place of its own.
        epoch: counted from 0, as in log.txt.
        layout: the names that the file gets, "open_clip" or "laclip" (see `lib.layouts`): it can be
            loaded where the base model came from.

    Raises:
        ValueError: the weights do not have one image and one text projection.
    """
    state = from_open_clip(replace_head(weights, head), layout)
    # through a stream: torch writes the name of a path into the file
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        torch.save({"epoch": epoch, "state_dict": state}, stream)


def replace_head(weights: dict[str, torch.Tensor], head: Head) -> dict[str, torch.Tensor]:
    """A state dict with the projections of `head`, under its own names and orientation."""
    replaced = dict(weights)
    projections = head.projections()
    for key, name in find_projections(weights, projections, "the pretrained weights").items():
        matrix = torch.from_numpy(projections[key])
        replaced[name] = (matrix.T if NAMES[key][name] else matrix).contiguous()
    return replaced
