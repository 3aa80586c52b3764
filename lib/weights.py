"""Weights of a model by name: read from safetensors, and held against those of its architecture."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

_LISTED = 3  # names of weights that an error lists of each sort


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        ValueError: the file is no safetensors file.
    """
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error


def check_weights(
    found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], path: str | Path
) -> None:
    """Hold the weights of a checkpoint against those of its architecture, name by name.

    Raises:
        ValueError: says what is missing, unexpected, of another shape or kind (whole numbers, as in
            a quantised model) or not finite: how many, and the first.
    """
    alike = [
        name for name in expected if name in found and found[name].shape == expected[name].shape
    ]
    differences = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
            for name, tensor in expected.items()
            if name in found and found[name].shape != tensor.shape
        ],
        "of another kind": [
            f"{name} {found[name].dtype} instead of {expected[name].dtype}"
            for name in alike
            if found[name].is_floating_point() != expected[name].is_floating_point()
        ],
        "not finite": [
            name
            for name in alike
            if found[name].is_floating_point() and not found[name].isfinite().all()
        ],
    }
    problems = [
        f"{len(names)} {what} ({', '.join(names[:_LISTED])}{', ...' if names[_LISTED:] else ''})"
        for what, names in differences.items()
        if names
    ]
    if problems:
        raise ValueError(
            f"{path} does not fit its architecture: of {len(expected)} weights expected are "
            f"{'; '.join(problems)}"
        )
