"""Architectures of models as data: where each kind has its own, and which cannot be studied.

An architecture is a mapping in the form of open_clip's model configs (`embed_dim`, `vision_cfg`,
`text_cfg`, `quick_gelu`, `custom_text`), with an optional `preprocess_cfg`. Neither torch nor
open_clip is imported here: every job reads architectures when it reads the rules.
"""

import difflib
import importlib.util
import json
from pathlib import Path

from lib.json_files import read_json, write_json

_CONTEXT_LENGTH, _IMAGE_SIZE = 77, 224  # open_clip's defaults


def find_architecture(model: dict, root: str | Path) -> dict:
    """The architecture of a model of the config: a study's own, LaCLIP's, or one of open_clip's.

    Args:
        root: the project's folder, which paths of architectures are relative to.

    Raises:
        ValueError: there is no such architecture, or it is no two-tower model.
    """
    name = model["architecture"]
    if model["kind"] == "laclip":
        return read_architecture(f"config/architectures/laclip_{name}.json", root)
    if model["kind"] == "open_clip":
        return _read_open_clip(name)
    return read_architecture(name, root)


def context_length(architecture: dict) -> int:
    """Number of tokens that a text tower sees, the marks of start and end among them."""
    return architecture["text_cfg"].get("context_length", _CONTEXT_LENGTH)


def image_size(architecture: dict) -> int:
    """Side in pixels of the images that an image tower takes."""
    return architecture["vision_cfg"].get("image_size", _IMAGE_SIZE)


def read_architecture(path: str | Path, root: str | Path = ".") -> dict:
    """Read an architecture from JSON.

    Raises:
        ValueError: the file is missing or no JSON, or lacks a key that a two-tower model needs.
    """
    path = Path(root) / path
    try:
        architecture = read_json(path)
    except FileNotFoundError as error:
        raise ValueError(f"The architecture {path} does not exist.") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"The architecture {path} is not valid JSON: {error}.") from error
    missing = {"embed_dim", "vision_cfg", "text_cfg"} - set(architecture)
    if missing:
        raise ValueError(f"The architecture {path} lacks {', '.join(sorted(missing))}.")
    return architecture


def write_architecture(path: str | Path, architecture: dict) -> None:
    """Write an architecture as JSON."""
    write_json(path, architecture)


def explain_refusal(architecture: dict) -> str | None:
    """Why a model of this architecture cannot be studied, None if it can.

    Neurons are columns of the two projections, so each tower must end in a linear layer without
    bias; and nothing may have to be downloaded but the checkpoint.
    """
    vision, text = architecture["vision_cfg"], architecture["text_cfg"]
    refusals = {
        "it is a CoCa model, which is trained to write captions, too": (
            "multimodal_cfg" in architecture
        ),
        "its image tower ends in an attention pool with biases (ModifiedResNet)": (
            not vision.get("timm_model_name") and isinstance(vision.get("layers"), list)
        ),
        "its image tower, of timm, does not end in a linear layer without bias": (
            bool(vision.get("timm_model_name"))
            and (vision.get("timm_proj", "linear") != "linear" or vision.get("timm_proj_bias"))
        ),
        "its text tower is one of Hugging Face, which would have to be downloaded": (
            bool(text.get("hf_model_name"))
        ),
        "its text tower does not end in a linear layer without bias": (
            text.get("proj_type", "linear") == "none" or text.get("proj_bias")
        ),
        "its tokenizer is one of Hugging Face, which would have to be downloaded": (
            bool(text.get("hf_tokenizer_name"))
        ),
    }
    return next((reason for reason, holds in refusals.items() if holds), None)


def _read_open_clip(name: str) -> dict:
    """One of open_clip's model configs, found without importing the package."""
    package = importlib.util.find_spec("open_clip")
    if package is None or package.origin is None:
        raise ValueError("The package open_clip_torch, which has the architectures, is not there.")
    folder = Path(package.origin).parent / "model_configs"
    known = sorted(path.stem for path in folder.glob("*.json"))
    if name not in known:
        similar = difflib.get_close_matches(name, known, cutoff=0.0)
        raise ValueError(
            f"open_clip has no architecture {name!r}; similar ones are {', '.join(similar)}."
        )
    return read_architecture(f"{name}.json", folder)
