"""Models: their seeds, files, preprocessing, and how they come apart into towers and a head."""

import copy

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize
from torchvision.transforms import InterpolationMode, RandomResizedCrop

from lib.architectures import read_architecture
from lib.models import (
    build_model,
    get_crop,
    get_tokenizer,
    get_transform,
    load_model,
    save_model,
    split_head,
)

VIT = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 32}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
TIMM = {"timm_model_name": "glyph_resnet", "timm_pool": "", "image_size": 32}
TIMM_REASON = "image tower, of timm, does not end in a linear layer"
RESNET = {"layers": [1, 1, 1, 1], "width": 8, "head_width": 8, "image_size": 32}


@pytest.fixture
def architectures(root):
    """The study's two architectures, and one with open_clip's own vision transformer."""
    files = {name: read_architecture(f"config/architectures/{name}.json", root) for name in FILES}
    return files | {"vit": {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": TEXT}}


FILES = ("glyphs", "tiny")
NAMES = (*FILES, "vit")


@pytest.fixture
def tiny(architectures):
    return architectures["tiny"]


@pytest.fixture
def inputs():
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return images, open_clip.tokenize(["a cat", "two dogs", "", "a photo of it"], context_length=16)


def same_weights(one, other):
    names, others = one.state_dict(), other.state_dict()
    return list(names) == list(others) and all(torch.equal(names[n], others[n]) for n in names)


# --- Weights --------------------------------------------------------------------------------------


def test_same_seed_same_weights_and_other_seed_others(tiny):
    assert same_weights(build_model(tiny, seed=1), build_model(tiny, seed=1))
    assert not same_weights(build_model(tiny, seed=1), build_model(tiny, seed=2))


def test_building_neither_uses_nor_changes_the_global_generator(tiny):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model = build_model(tiny, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert same_weights(build_model(tiny, seed=1), model)


def test_a_saved_model_loads_back(tmp_path, tiny):
    model = build_model(tiny, seed=3)
    save_model(tmp_path / "weights.safetensors", model, {"code": "abc"})
    assert same_weights(load_model(tmp_path / "weights.safetensors", tiny), model)


def test_a_file_of_another_architecture_is_named(tmp_path, architectures):
    path = tmp_path / "weights.safetensors"
    save_model(path, build_model(architectures["vit"]), {})
    with pytest.raises(ValueError, match=f"{path} does not fit its architecture"):
        load_model(path, architectures["tiny"])


# --- Towers and head ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_towers_and_head_give_the_whole_models_embeddings(architectures, inputs, name):
    model = build_model(architectures[name], seed=1).eval()
    whole = [tensor.detach() for tensor in model(*inputs)]
    towers, head = split_head(copy.deepcopy(model))
    features = towers.model.encode_image(inputs[0]), towers.encode_text(inputs[1])
    projections = head.image_projection, head.text_projection
    for tower, projection, expected in zip(features, projections, whole[:2], strict=True):
        assert tower.shape[1] == len(projection)
        found = normalize(tower @ torch.from_numpy(projection), dim=-1)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert np.exp(head.logit_scale) == pytest.approx(float(whole[2]), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_towers_are_frozen_and_in_evaluation_mode(architectures, name):
    towers, _ = split_head(build_model(architectures[name]).train())
    assert not any(module.training for module in towers.modules())
    assert not any(weight.requires_grad for weight in towers.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_towers_are_wide_enough_for_orthogonal_neurons(architectures, name):
    _, head = split_head(build_model(architectures[name]))
    for projection in (head.image_projection, head.text_projection):
        width, dim = projection.shape
        assert dim == architectures[name]["embed_dim"]
        assert np.linalg.matrix_rank(projection) == dim <= width


@pytest.mark.parametrize(
    ("vision", "text", "reason"),
    [
        (TIMM | {"timm_proj": "mlp"}, TEXT, TIMM_REASON),
        (TIMM | {"timm_proj": "none"}, TEXT, TIMM_REASON),
        (TIMM | {"timm_proj": "linear", "timm_proj_bias": True}, TEXT, TIMM_REASON),
        (RESNET, TEXT, "image tower ends in an attention pool"),
        (VIT, TEXT | {"proj_bias": True}, "text tower does not end in a linear layer"),
        (VIT, TEXT | {"proj_type": "none"}, "text tower does not end in a linear layer"),
    ],
)
def test_a_tower_without_a_final_projection_is_refused(vision, text, reason):
    architecture = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    with pytest.raises(ValueError, match=reason):
        build_model(architecture)


# --- Preprocessing --------------------------------------------------------------------------------


def draw_image(width, height):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def preprocess_image(architecture, image):
    """What the model itself is given of an image."""
    towers, _ = split_head(build_model(architecture))
    return towers.normalise(get_transform(architecture)(image)[None])[0]


@pytest.mark.parametrize("size", [(32, 32), (50, 40), (20, 90)])
@pytest.mark.parametrize(
    "preprocess",
    [
        {},
        {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "interpolation": "bilinear"},
        {"resize_mode": "squash"},
        {"resize_mode": "longest"},
    ],
)
def test_evaluation_sees_what_open_clip_would_show(tiny, size, preprocess):
    architecture, image = tiny | {"preprocess_cfg": preprocess}, draw_image(*size)
    expected = open_clip.image_transform(32, is_train=False, **preprocess)
    assert torch.equal(preprocess_image(architecture, image), expected(image))


def test_the_architectures_own_mean_and_std_are_used(tiny):
    image = draw_image(32, 32)
    expected = (np.asarray(image, dtype=np.float32) / 255 - 0.5) / 0.25
    found = preprocess_image(tiny, image).permute(1, 2, 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_crops_have_the_right_shape_and_differ(tiny):
    crop, transform, image = get_crop(tiny, (0.5, 0.6)), get_transform(tiny), draw_image(60, 50)
    first, again, second = (transform(crop(image, seed)) for seed in (0, 0, 1))
    assert first.shape == second.shape == (32, 32, 3)
    assert first.dtype == torch.uint8
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("resize_mode", ["shortest", "squash", "longest"])
def test_a_crop_is_what_torchvision_draws_from_the_seed(tiny, resize_mode):
    tiny = tiny | {"preprocess_cfg": {"resize_mode": resize_mode}}
    transform, image = get_transform(tiny), draw_image(60, 50)
    resizing = RandomResizedCrop(32, (0.5, 0.9), interpolation=InterpolationMode.BICUBIC)
    for seed in range(5):
        torch.manual_seed(seed)
        expected = np.asarray(resizing(image))
        found = transform(get_crop(tiny, (0.5, 0.9))(image, seed))
        np.testing.assert_array_equal(found, expected)


def test_a_crop_of_the_whole_is_the_evaluation_view(tiny):
    image = draw_image(64, 64)
    assert torch.equal(
        get_transform(tiny)(get_crop(tiny, (1.0, 1.0))(image, 0)), get_transform(tiny)(image)
    )


def test_token_ids_have_the_architectures_length(tiny):
    long = "word " * 40
    assert get_tokenizer(tiny)(["a cat", long]).shape == (2, 16)
