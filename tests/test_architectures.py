"""Architectures: found without importing torch, and refused with the reason."""

import subprocess
import sys
from collections import Counter

import open_clip
import pytest
import torch
import yaml

from lib.architectures import (
    context_length,
    explain_refusal,
    find_architecture,
    image_size,
    read_architecture,
    write_architecture,
)
from lib.models import build_model

NAMES = open_clip.list_models()
LACLIP_ARCHITECTURES = ("ViT-S-16", "ViT-B-16", "ViT-L-16")


def get_open_clip(name):
    return find_architecture({"kind": "open_clip", "architecture": name}, ".")


def test_each_kind_has_its_own(root):
    expected = {("scratch", "config/architectures/tiny.json"): 16, ("open_clip", "ViT-L-14"): 768}
    expected |= {("laclip", name): 512 for name in LACLIP_ARCHITECTURES}
    for (kind, name), dim in expected.items():
        found = find_architecture({"kind": kind, "architecture": name}, root)
        assert found["embed_dim"] == dim


def test_what_an_architecture_leaves_out_is_what_open_clip_takes(tiny_architecture):
    assert image_size(tiny_architecture) == tiny_architecture["vision_cfg"]["image_size"]
    assert context_length(tiny_architecture) == tiny_architecture["text_cfg"]["context_length"]
    assert image_size({"vision_cfg": {}}) == open_clip.CLIPVisionCfg.image_size
    assert context_length({"text_cfg": {}}) == open_clip.CLIPTextCfg.context_length


def test_the_config_knows_the_same_models_of_laclip(root):
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    assert schema["$defs"]["model_laclip"]["properties"]["architecture"]["enum"] == [
        *LACLIP_ARCHITECTURES
    ]


def test_those_of_open_clip_are_what_open_clip_has():
    assert [get_open_clip(name) for name in NAMES] == [*map(open_clip.get_model_config, NAMES)]


def test_an_unknown_name_is_an_error_that_shows_similar_ones():
    with pytest.raises(ValueError, match=r"no architecture 'ViT-B-61'; .* ViT-B-16"):
        get_open_clip("ViT-B-61")
    with pytest.raises(ValueError, match=r"no architecture '\.\./ViT-B-16'"):
        get_open_clip("../ViT-B-16")


def test_what_is_written_is_read(tmp_path, tiny_architecture):
    write_architecture(tmp_path / "a.json", tiny_architecture)
    assert read_architecture(tmp_path / "a.json") == tiny_architecture


def test_neither_torch_nor_open_clip_is_imported(root):
    """Every job reads the configuration; importing them would cost it seconds."""
    code = (
        "import sys, lib.config; from lib.architectures import find_architecture;"
        "find_architecture({'kind': 'open_clip', 'architecture': 'ViT-B-32'}, '.');"
        "print({'torch', 'open_clip', 'timm'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"


# --- Refusals -------------------------------------------------------------------------------------


def test_every_architecture_of_open_clip_is_accepted_or_refused_with_a_reason():
    reasons = {name: explain_refusal(get_open_clip(name)) for name in NAMES}
    assert Counter(reasons.values()) == {
        None: 59,
        "its image tower, of timm, does not end in a linear layer without bias": 51,
        "its tokenizer is one of Hugging Face, which would have to be downloaded": 13,
        "its image tower ends in an attention pool with biases (ModifiedResNet)": 10,
        "its text tower is one of Hugging Face, which would have to be downloaded": 7,
        "it is a CoCa model, which is trained to write captions, too": 4,
    }
    accepted = {name for name, reason in reasons.items() if reason is None}
    assert {"ViT-B-32", "ViT-B-16-quickgelu", "ViT-L-14", "convnext_base", "ViTamin-B"} <= accepted
    assert not accepted & {"ViT-B-16-SigLIP", "coca_ViT-B-32", "RN50", "xlm-roberta-base-ViT-B-32"}


def get_shape(name):
    """What decides whether an architecture of open_clip can be studied."""
    architecture = get_open_clip(name)
    vision, text = architecture["vision_cfg"], architecture["text_cfg"]
    family = vision.get("timm_model_name", str(type(vision.get("layers")))).partition("_")[0]
    keys = (vision.get("timm_pool"), vision.get("timm_proj"), text.get("proj_bias"))
    return family, *keys, architecture.get("custom_text", False), explain_refusal(architecture)


SHAPES = {get_shape(name): name for name in NAMES}  # one of each
REASONS = {name: shape[-1] for shape, name in SHAPES.items()}


@pytest.mark.parametrize("name", [name for name, reason in REASONS.items() if reason is None])
def test_what_is_accepted_ends_in_two_projections(name):
    with torch.device("meta"):
        build_model(get_open_clip(name))  # raises an error if one is missing


@pytest.mark.parametrize("name", [name for name, reason in REASONS.items() if reason])
def test_what_is_refused_for_its_projections_has_none(name):
    """Built all the same, against the refusal: one of the towers has no such layer."""
    architecture = get_open_clip(name)
    if "downloaded" in REASONS[name] or "CoCa" in REASONS[name]:
        with pytest.raises(ValueError, match="cannot be studied: it"):
            build_model(architecture)
        return
    settings = {key: value for key, value in architecture.items() if key != "custom_text"}
    build = open_clip.CustomTextCLIP if architecture.get("custom_text") else open_clip.CLIP
    with torch.device("meta"):
        model = build(**settings)
    projections = [getattr(model.visual, "proj", None)]
    projections += [getattr(getattr(model.visual, "head", None), "proj", None)]
    is_image = any(isinstance(each, torch.nn.Parameter) for each in projections)
    is_image |= any(isinstance(each, torch.nn.Linear) and each.bias is None for each in projections)
    is_text = isinstance(getattr(model, "text", model).text_projection, torch.nn.Parameter)
    assert not (is_image and is_text)
