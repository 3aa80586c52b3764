"""Models of checkpoints: LaCLIP's against a plain model, open_clip's against open_clip's loader."""

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn.functional import normalize
from torchvision import transforms

from lib.architectures import read_architecture
from lib.exports import write_checkpoint
from lib.heads import Head
from lib.layouts import from_open_clip, to_open_clip
from lib.model_import import import_model
from lib.models import (
    build_model,
    complete_architecture,
    get_tokenizer,
    get_transform,
    load_model,
    save_model,
    split_head,
)
from tests import laclip

CAPTIONS = ["a photo of a cat", "", "two dogs run; one doesn't", "word " * 100]
VISION = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 32}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 1}
TIMM = {"timm_model_name": "glyph_resnet", "timm_pool": "", "image_size": 32}
PLAIN = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": TEXT}
OPEN_CLIP = {
    "plain": PLAIN,
    "timm": PLAIN | {"vision_cfg": TIMM},
    "custom_text": PLAIN | {"custom_text": True, "quick_gelu": True},
    "nonscalar": PLAIN | {"nonscalar_logit_scale": True},
}


def draw_pixels(size, count=3):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def close(found, expected):
    torch.testing.assert_close(torch.as_tensor(found), expected, rtol=0, atol=2e-5)


def embed(features, projection):
    """Unit embeddings, as the pipeline computes them of cached features and a head."""
    return normalize(features @ torch.from_numpy(projection), dim=-1)


def change(head):
    """Another head, as fine-tuning yields one."""
    generator = np.random.default_rng(5)
    image, text = (
        weight + generator.normal(0, 0.05, weight.shape).astype(np.float32) for weight in head[:2]
    )
    return Head(image, text, head.logit_scale)


# --- LaCLIP ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def state():
    return laclip.draw_state()


@pytest.fixture(scope="module")
def architecture(root):
    return complete_architecture(
        read_architecture("config/architectures/laclip_ViT-S-16.json", root)
    )


@pytest.fixture(scope="module")
def towers_and_head(state, architecture, tmp_path_factory):
    """As the pipeline has them: imported, saved, loaded, divided."""
    folder = tmp_path_factory.mktemp("laclip")
    laclip.write_checkpoint(folder / "laclip.pt", state)
    model = import_model(folder / "laclip.pt", architecture, "laclip")
    (folder / "laclip.pt").unlink()
    save_model(folder / "weights.safetensors", model, {})
    return split_head(load_model(folder / "weights.safetensors", architecture))


@pytest.fixture(scope="module")
def features(towers_and_head, architecture):
    towers, _ = towers_and_head
    tokens = get_tokenizer(architecture)(CAPTIONS)
    return towers.model.encode_image(draw_pixels(224)), towers.encode_text(tokens)


@pytest.fixture(scope="module")
def tokens(architecture):
    return get_tokenizer(architecture)(CAPTIONS)


def test_an_imported_laclip_embeds_as_a_plain_one(state, towers_and_head, features, tokens):
    _, head = towers_and_head
    close(embed(features[0], head.image_projection), laclip.embed_images(state, draw_pixels(224)))
    close(embed(features[1], head.text_projection), laclip.embed_texts(state, tokens))
    assert head.logit_scale == 3.0


def test_an_exported_laclip_embeds_as_the_pipeline(
    tmp_path, state, towers_and_head, features, tokens
):
    head = change(towers_and_head[1])
    weights = to_open_clip(state, "laclip")
    write_checkpoint(tmp_path / "checkpoint.pt", weights, head, 9, "laclip")
    stored = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    exported = stored["state_dict"]
    assert stored["epoch"] == 9 and exported.keys() == state.keys()
    close(
        embed(features[0], head.image_projection), laclip.embed_images(exported, draw_pixels(224))
    )
    close(embed(features[1], head.text_projection), laclip.embed_texts(exported, tokens))


def test_the_layouts_are_inverse_to_each_other(state):
    again = from_open_clip(to_open_clip(state, "laclip"), "laclip")
    assert list(again) == list(state)
    assert all(torch.equal(again[name], tensor) for name, tensor in state.items())
    assert from_open_clip(state, "open_clip") is state


@pytest.mark.parametrize("size", ["S", "B", "L"])
def test_all_sizes_have_the_names_and_shapes_of_the_paper(root, state, size):
    architecture = read_architecture(f"config/architectures/laclip_ViT-{size}-16.json", root)
    with torch.device("meta"):
        names = from_open_clip(build_model(architecture).state_dict(), "laclip")
    width, depth, heads = {"S": (384, 12, 12), "B": (768, 12, 12), "L": (1024, 24, 16)}[size]
    assert names["image_projection"].shape == (width, 512)
    assert f"visual.blocks.{depth - 1}.norm1.weight" in names
    assert f"visual.blocks.{depth}.norm1.weight" not in names
    assert names["visual.blocks.0.attn.q_norm.weight"].shape == (width // heads,)
    if depth == 12:
        assert names.keys() == state.keys()


@pytest.mark.parametrize("size", [(300, 250), (224, 224), (100, 400)])
def test_images_are_shown_to_laclip_as_its_authors_do(towers_and_head, architecture, size):
    expected = transforms.Compose(
        [
            transforms.Resize(224),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    seen = towers_and_head[0].normalise(get_transform(architecture)(image)[None])[0]
    assert torch.equal(seen, expected(image))


def test_token_ids_are_those_of_clip(tokens):
    start, end = 49406, 49407
    assert tokens.shape == (4, 77)
    assert tokens[0, :8].tolist() == [start, 320, 1125, 539, 320, 2368, end, 0]
    assert tokens[1, :3].tolist() == [start, end, 0]
    assert tokens[3, -2:].tolist() == [2653, end]  # cut, and closed


# --- open_clip ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPEN_CLIP)
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_checkpoint_of_open_clip_comes_back_with_its_embeddings(tmp_path, name, suffix):
    architecture, path = OPEN_CLIP[name], tmp_path / f"model.{suffix}"
    model = build_model(architecture, seed=4).eval()
    if suffix == "pt":
        state = {f"module.{key}": value for key, value in model.state_dict().items()}
        torch.save({"epoch": 1, "state_dict": state}, path)
    else:
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    towers, head = split_head(import_model(path, architecture, "open_clip"))
    pixels, tokens = draw_pixels(32), get_tokenizer(architecture)(CAPTIONS)
    images, texts, scale = (found.detach() for found in model(pixels, tokens))
    close(embed(towers.model.encode_image(pixels), head.image_projection), images)
    close(embed(towers.encode_text(tokens), head.text_projection), texts)
    assert head.logit_scale == pytest.approx(float(scale.log()))


@pytest.mark.parametrize("name", OPEN_CLIP)
def test_an_export_loads_back_by_open_clips_own_loader(tmp_path, name):
    architecture, path = OPEN_CLIP[name], tmp_path / "checkpoint.pt"
    model = build_model(architecture, seed=4).eval()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    towers, head = split_head(model)
    head = change(head)
    write_checkpoint(path, weights, head, 3, "open_clip")
    loaded = build_model(architecture, seed=5).eval()
    open_clip.load_checkpoint(loaded, str(path), strict=True)
    pixels, tokens = draw_pixels(32), get_tokenizer(architecture)(CAPTIONS)
    images, texts = (found.detach() for found in loaded(pixels, tokens)[:2])
    close(embed(towers.model.encode_image(pixels), head.image_projection), images)
    close(embed(towers.encode_text(tokens), head.text_projection), texts)


def test_a_text_projection_may_be_a_linear_layer():
    model = build_model(OPEN_CLIP["custom_text"], seed=4).eval()
    del model.text.text_projection
    model.text.text_projection = torch.nn.Linear(24, 16, bias=False)
    tokens = get_tokenizer(PLAIN)(CAPTIONS)
    expected = model.encode_text(tokens, normalize=True).detach()
    towers, head = split_head(model)
    close(embed(towers.encode_text(tokens), head.text_projection), expected)


def test_numbers_of_half_precision_become_whole_ones(tmp_path):
    model = build_model(PLAIN, seed=4)
    halves = {key: value.half().contiguous() for key, value in model.state_dict().items()}
    save_file(halves, tmp_path / "half.safetensors")
    found = import_model(tmp_path / "half.safetensors", PLAIN, "open_clip").state_dict()
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert all(torch.equal(found[key], value.float()) for key, value in halves.items())


# --- What does not fit ----------------------------------------------------------------------------


def test_weights_that_are_no_numbers_of_a_model_are_listed(tmp_path):
    """A quantised model's, and those of a training that diverged."""
    state = build_model(PLAIN).state_dict()
    whole, broken = "ln_final.weight", "ln_final.bias"
    state[whole] = state[whole].to(torch.int8)
    state[broken][3] = float("nan")
    torch.save(state, tmp_path / "model.pt")
    expected = (
        r"are 1 of another kind \(ln_final\.weight torch\.int8 instead of torch\.float32\); "
        r"1 not finite \(ln_final\.bias\)"
    )
    with pytest.raises(ValueError, match=expected):
        import_model(tmp_path / "model.pt", PLAIN, "open_clip")


def test_what_does_not_match_is_counted_and_listed(tmp_path):
    state = build_model(PLAIN).state_dict()
    blocks = [name for name in state if "resblocks" in name]
    for name in blocks:
        del state[name]
    state |= {"visual.extra": torch.ones(1), "ln_final.bias": torch.ones(25)}
    torch.save(state, tmp_path / "model.pt")
    expected = (
        rf"model\.pt does not fit .*: of \d+ weights expected are {len(blocks)} missing "
        rf"\({blocks[0]}, {blocks[1]}, {blocks[2]}, \.\.\.\); 1 unexpected \(visual\.extra\); "
        r"1 of another shape \(ln_final\.bias \(25,\) instead of \(24,\)\)"
    )
    with pytest.raises(ValueError, match=expected):
        import_model(tmp_path / "model.pt", PLAIN, "open_clip")


@pytest.mark.parametrize(
    ("part", "key", "value", "name"),
    [
        ("vision_cfg", "image_size", 64, r"visual\.positional_embedding \(17, 32\)"),
        ("text_cfg", "context_length", 20, r"positional_embedding \(16, 24\)"),
    ],
)
def test_positional_embeddings_are_not_resized(tmp_path, part, key, value, name):
    torch.save(build_model(PLAIN).state_dict(), tmp_path / "model.pt")
    other = PLAIN | {part: PLAIN[part] | {key: value}}
    with pytest.raises(ValueError, match=name):
        import_model(tmp_path / "model.pt", other, "open_clip")


def test_a_file_of_laclip_is_explained_in_its_own_names(tmp_path, architecture):
    state = {"visual.cls_token": torch.ones(1, 1, 384), "image_projection": torch.ones(512, 384)}
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(ValueError) as error:
        import_model(tmp_path / "model.safetensors", architecture, "laclip")
    assert "1 of another shape (image_projection (512, 384) instead of (384, 512))" in str(error)
    assert "trunk" not in str(error) and "unexpected" not in str(error)


# --- Architectures written out --------------------------------------------------------------------


def test_a_completed_architecture_says_all_and_changes_nothing():
    complete = complete_architecture(PLAIN)
    assert complete["quick_gelu"] is complete["custom_text"] is False
    assert complete["preprocess_cfg"] == {
        "size": 32,
        "mode": "RGB",
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
        "fill_color": 0,
    }
    assert complete_architecture(complete) == complete
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype=np.uint8))
    assert torch.equal(get_transform(complete)(image), get_transform(PLAIN)(image))
    one, other = build_model(complete).state_dict(), build_model(PLAIN).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in other)
