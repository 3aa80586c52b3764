"""Checkpoints of any origin, read safely, and the two projections in them.

Nothing in a file is ever executed: safetensors holds numbers only, and a torch pickle may ask for
tensors, an `argparse.Namespace` (LaCLIP stores its arguments) and NumPy's number types (its
optimiser's learning rate is one), and for nothing else.

A projection's orientation comes from the name of the weight, never from its shape: a square matrix
looks the same both ways.
"""

import argparse
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from lib.files import sha256

if TYPE_CHECKING:
    import torch

# name of a weight -> whether it is stored as (dim, width), the form of a linear layer's weight
IMAGE_NAMES = {
    "image_projection": False,  # LaCLIP, and the heads of this project
    "visual.proj": False,  # open_clip, its own towers
    "visual.head.proj.weight": True,  # open_clip, timm's towers
    "visual_projection.weight": True,  # Hugging Face CLIP
    "vision_proj.weight": True,  # ALBEF, BLIP
}
TEXT_NAMES = {
    "text_projection": False,  # LaCLIP, open_clip, and the heads of this project
    "text_projection.weight": True,  # Hugging Face CLIP, open_clip with a linear layer
    "text.text_projection": False,  # open_clip with a text tower of its own
    "text.text_projection.weight": True,
    "text_proj.weight": True,  # ALBEF, BLIP
}
NAMES = {"image": IMAGE_NAMES, "text": TEXT_NAMES}

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # where a checkpoint keeps its weights
_PREFIXES = ("module.", "_orig_mod.")  # left by distributed training and by compilation


def read_projections(
    path: str | Path, entry: str | None = None, which: Iterable[str] = ("image", "text")
) -> dict[str, np.ndarray]:
    """Read projections from a file of heads, or from a checkpoint in any of the known forms.

    Args:
        path: safetensors or torch file.
        entry: which head of a file of heads ("pretrained", or a seed); None for the only one.
        which: the projections wanted, "image", "text" or both.

    Returns:
        For each one wanted (width, dim) float32, column = neuron.

    Raises:
        ValueError: the file is no such file, or asks to execute something; a projection is missing,
            there twice, no matrix of numbers; or the entry does not exist.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if _is_safetensors(path):
        return _read_safetensors(path, entry, which)
    if entry is not None:
        raise ValueError(f"{path} is a checkpoint of one model, it has no entry '{entry}'")
    state = load_state_dict(path)
    names = find_projections(state, which, path)
    return {key: _orient(state[name], name, key, path) for key, name in names.items()}


def load_state_dict(path: str | Path) -> dict[str, "torch.Tensor"]:
    """Read the weights of a checkpoint, by name, on the CPU.

    A torch file may hold them at the top or under "state_dict", "model" or "model_state_dict"; the
    prefixes "module." and "_orig_mod." are taken off. Tensors of newer torch files stay on disk
    until they are used.

    Raises:
        ValueError: the file is no checkpoint, or asks to execute something.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if _is_safetensors(path):
        from lib.weights import read_weights  # imports torch

        state: Any = read_weights(path)
    else:
        state = _find_weights(_load_torch(path), path)
    weights: dict[str, Any] = {}
    for name, tensor in state.items():
        plain = _strip_prefixes(name)
        if plain in weights:
            raise ValueError(f"{path} holds '{plain}' twice, with and without a prefix")
        weights[plain] = tensor
    return weights


def check_sha256(path: str | Path, expected: str | None) -> str:
    """The SHA-256 of a checkpoint, compared with the expected one where there is one.

    Raises:
        ValueError: the file is another one.
    """
    found = sha256(path)
    if expected is not None and found != expected.lower():
        raise ValueError(f"{path} has the SHA-256 {found}, expected is {expected}")
    return found


def _is_safetensors(path: Path) -> bool:
    """By name or content: the length of a JSON header in eight bytes, then the header."""
    with open(path, "rb") as stream:
        start = stream.read(9)
    has_header = start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size
    return path.suffix == ".safetensors" or has_header


def _read_safetensors(path: Path, entry: str | None, which: Iterable[str]) -> dict[str, np.ndarray]:
    """Read the projections alone, without torch unless the numbers are bfloat16."""
    try:
        with safe_open(path, framework="numpy") as file:
            keys = _choose_entry(list(file.keys()), entry, path)
            names = find_projections(keys, which, path)
            stored = {key: keys[name] for key, name in names.items()}
            is_plain = all(file.get_slice(name).get_dtype() != "BF16" for name in stored.values())
            if is_plain:
                tensors = {key: file.get_tensor(name) for key, name in stored.items()}
        if not is_plain:
            with safe_open(path, framework="pt") as file:
                tensors = {key: file.get_tensor(name) for key, name in stored.items()}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    return {key: _orient(tensors[key], name, key, path) for key, name in names.items()}


def _choose_entry(keys: list[str], entry: str | None, path: Path) -> dict[str, str]:
    """Names of weights, without label or prefix, to the file's own keys."""
    labels = sorted({key.rpartition("/")[0] for key in keys if "/" in key})
    if entry is None and len(labels) > 1:
        raise ValueError(
            f"{path} holds several heads: {', '.join(labels)}; name one as {path}#{labels[0]}"
        )
    if entry is not None and entry not in labels:
        raise ValueError(f"{path} has no entry '{entry}', only {', '.join(labels) or 'no heads'}")
    label = entry if entry is not None else (labels[0] if labels else "")
    start = f"{label}/" if label else ""
    return {_strip_prefixes(key.removeprefix(start)): key for key in keys if key.startswith(start)}


def find_projections(
    names: Iterable[str], which: Iterable[str], path: str | Path
) -> dict[str, str]:
    """For each projection wanted, the one known name under which it is there."""
    names = set(names)
    found = {}
    for key in which:
        matches = [name for name in NAMES[key] if name in names]
        if not matches:
            raise ValueError(
                f"{path} holds no {key} projection: expected one of {', '.join(NAMES[key])}"
            )
        if len(matches) > 1:
            raise ValueError(f"{path} holds more than one {key} projection: {', '.join(matches)}")
        found[key] = matches[0]
    return found


def _orient(tensor: Any, name: str, key: str, path: Path) -> np.ndarray:
    """(width, dim) float32 from a torch or NumPy matrix stored under a known name."""
    shape = tuple(tensor.shape)
    is_torch = not isinstance(tensor, np.ndarray)
    is_float = tensor.is_floating_point() if is_torch else tensor.dtype.kind == "f"
    if len(shape) != 2 or not is_float:
        raise ValueError(
            f"{path}: '{name}' is no matrix of floating-point numbers, "
            f"found {tensor.dtype} of shape {shape}"
        )
    if is_torch:
        try:
            tensor = tensor.detach().float().numpy()  # NumPy has no bfloat16
        except (RuntimeError, TypeError) as error:  # sparse, quantised, or without content
            raise ValueError(f"{path}: '{name}' is no ordinary matrix: {error}") from error
    matrix = tensor.T if NAMES[key][name] else tensor
    return np.array(matrix, dtype=np.float32, order="C")  # a copy: the file may be mapped


def _load_torch(path: Path) -> Any:
    """Unpickle with torch's restricted reader, and turn its many errors into one clear line."""
    import torch

    is_zip = zipfile.is_zipfile(path)
    if is_zip and _is_torchscript(path):
        raise ValueError(f"{path} refused: it is a TorchScript program, not a file of weights")
    try:
        with torch.serialization.safe_globals(_allowed_globals()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch warns of here, it refuses next
            return torch.load(str(path), map_location="cpu", weights_only=True, mmap=is_zip)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a malformed pickle can raise anything at all
        raise ValueError(f"{path} {_explain(error)}") from error


def _is_torchscript(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _allowed_globals() -> list[Any]:
    """What a pickle may name beside tensors: a Namespace and NumPy's numbers, old names and new."""
    scalar = np.float64().__reduce__()[0]
    allowed: list[Any] = [argparse.Namespace, (np.dtype, "numpy.dtype")]
    allowed += [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    numbers = {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + "?efd"}
    return allowed + [(number, f"numpy.dtypes.{number.__name__}") for number in numbers]


def _explain(error: Exception) -> str:
    """The reason in torch's error of many lines, which also tells how to switch the safety off."""
    message = str(error)
    name = re.search(r"GLOBAL (\S+) (?:was not an allowed|whose module)", message)
    if name:
        return (
            f"refused: it asks for {name[1]}, which could execute code; only tensors, "
            "argparse.Namespace and NumPy numbers are read"
        )
    if isinstance(error, pickle.UnpicklingError):
        message = message.split("WeightsUnpickler error:")[-1].split("Check the documentation")[0]
    reason = message.strip().split("\n")[0].split(". ")[0]
    return (
        "is not a readable torch or safetensors file "
        f"({type(error).__name__}{': ' if reason else ''}{reason})"
    )


def _find_weights(content: Any, path: Path) -> dict[str, Any]:
    """The mapping of names to tensors in what a torch file holds."""
    import torch

    candidates = [content]  # the last to be looked at: beside weights, it may hold other tensors
    if isinstance(content, dict):
        candidates = [content[key] for key in _WRAPPERS if key in content] + candidates
    for candidate in candidates:
        if isinstance(candidate, dict):
            tensors = {
                name: value
                for name, value in candidate.items()
                if isinstance(name, str) and isinstance(value, torch.Tensor)
            }
            if tensors:
                return tensors
    found = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
    raise ValueError(
        f"{path} holds no weights: found {found or 'an empty dict'}, expected tensors by name, at "
        f"the top or under {', '.join(_WRAPPERS)}"
    )


def _strip_prefixes(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return _strip_prefixes(name[len(prefix) :])
    return name
