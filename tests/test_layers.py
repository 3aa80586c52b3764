"""Output matrices found in real models, by the names that open_clip and timm give them."""

import numpy as np
import pytest
import timm
from open_clip import create_model
from safetensors.torch import save_file

from lib.layers import find_layers, read_layers
from lib.models import build_model

KINDS = ("attention", "mlp")


@pytest.fixture(scope="module")
def open_clip_model():
    return create_model("ViT-S-32-alt", pretrained=None)


def test_every_block_of_both_towers_has_two(open_clip_model):
    layers = find_layers(open_clip_model.state_dict())
    counts = {"image": 12, "text": 10}
    expected = [
        (tower, block, kind)
        for tower, count in counts.items()
        for block in range(1, count + 1)
        for kind in KINDS
    ]
    assert [layer[:3] for layer in layers] == expected


def test_neurons_are_columns_that_write_into_the_residual_stream(open_clip_model, tmp_path):
    save_file(
        {name: weight.contiguous() for name, weight in open_clip_model.state_dict().items()},
        tmp_path / "weights.safetensors",
    )
    found = {layer[:3]: matrix for layer, matrix in read_layers(tmp_path / "weights.safetensors")}
    block = open_clip_model.transformer.resblocks[2]
    attention, mlp = found["text", 3, "attention"], found["text", 3, "mlp"]
    np.testing.assert_array_equal(attention, block.attn.out_proj.weight.detach().numpy().T)
    np.testing.assert_array_equal(mlp, block.mlp.c_proj.weight.detach().numpy().T)
    assert mlp.shape == (4 * attention.shape[1], attention.shape[1])


def test_transformers_of_timm_have_them_too():
    names = [
        f"visual.trunk.{name}" for name in timm.create_model("vit_tiny_patch16_224").state_dict()
    ]
    layers = find_layers(names)
    assert len(layers) == 24
    assert {layer.tower for layer in layers} == {"image"}


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("convnext_atto", 0), ("swin_tiny_patch4_window7_224", 0), ("vitamin_small_224", 14)],
)
def test_blocks_are_those_of_one_residual_stream(name, blocks):
    names = [f"visual.trunk.{weight}" for weight in timm.create_model(name).state_dict()]
    expected = [("image", block + 1, kind) for block in range(blocks) for kind in KINDS]
    assert [layer[:3] for layer in find_layers(names)] == expected


def test_a_convolutional_tower_has_none(tiny_architecture):
    layers = find_layers(build_model(tiny_architecture, seed=0).state_dict())
    assert [layer[:3] for layer in layers] == [("text", 1, "attention"), ("text", 1, "mlp")]
