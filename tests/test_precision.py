"""Towers in bfloat16: near float32, never on a CPU unasked, and features are float32 still."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.precision import Figures, compare, tabulate
from lib.features import extract_images, extract_texts
from lib.models import build_model, get_tokenizer, get_transform, save_model, split_head
from lib.precision import Bfloat16Towers, load_towers, set_precision

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def towers(tiny_architecture):
    return split_head(build_model(tiny_architecture, seed=3))[0]


@pytest.fixture(scope="module")
def extract(tiny_architecture):
    """Features of a few images and texts, of given towers."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), dtype=np.uint8)
    images, texts = [Image.fromarray(image) for image in pixels], ["a red seven", "a blue disc"]
    transform, tokenize = get_transform(tiny_architecture), get_tokenizer(tiny_architecture)
    return lambda towers: (
        extract_images(towers, images, transform, 2, CPU),
        extract_texts(towers, tokenize, texts, 2, CPU),
    )


def test_bfloat16_rounds_and_no_more(towers, extract):
    for exact, rounded in zip(extract(towers), extract(Bfloat16Towers(towers, CPU)), strict=True):
        assert rounded.dtype == exact.dtype == np.float32
        difference = np.linalg.norm(exact - rounded, axis=1) / np.linalg.norm(exact, axis=1)
        assert 1e-4 < difference.max() < 0.05  # half a unit of the 8th bit is 0.002


def test_float32_is_the_towers_themselves(towers):
    assert set_precision(towers, "float32", CPU) is towers


@pytest.mark.parametrize("is_native", [True, False])
def test_bfloat16_is_for_a_gpu(towers, caplog, monkeypatch, is_native):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: is_native)
    reduced = set_precision(towers, "bfloat16", torch.device("cuda", 1))
    assert isinstance(reduced, Bfloat16Towers)
    assert ("bfloat16 is emulated on this GPU" in caplog.text) is not is_native
    with pytest.raises(ValueError, match="precision is 'bfloat16', which is for a GPU"):
        set_precision(towers, "bfloat16", CPU)
    with pytest.raises(ValueError, match="precision is 'half', expected 'float32' or 'bfloat16'"):
        set_precision(towers, "half", CPU)


def test_all_of_loaded_towers_is_on_their_device(tmp_path, tiny_architecture):
    """What images are normalised by, too: it is no part of the weights."""
    save_model(tmp_path / "m.safetensors", build_model(tiny_architecture), {})
    device = torch.device("meta")  # stands for any that is not the CPU
    towers = load_towers(tmp_path / "m.safetensors", tiny_architecture, "float32", device)
    tensors = [*towers.parameters(), *towers.buffers()]
    assert {towers.mean.device, *(each.device for each in tensors)} == {device}


def test_the_benchmark_compares_row_by_row():
    exact = Figures(
        np.array([[3.0, 4.0], [0.0, 2.0], [5.0, 12.0]]),
        np.array([[1.0, 0.0]]),
        np.array([0.5, 0.7]),
        np.array([0.5, 0.9]),
        0.1,
        0.2,
    )
    moved = exact.images + np.array([[0.0, 0.5], [0.02, 0.0], [0.0, 0.0]])
    rounded = exact._replace(images=moved, accuracies=np.array([0.52, 0.69]), image_cosine=0.101)
    images, texts, pretrained, tuned, image_cosine, text_cosine = compare(exact, rounded)
    assert images[1:] == ("0", "0.01, 0.1")
    assert texts[1:] == ("0", "0, 0")
    assert pretrained[1:] == ("60.00 %", "60.50 % (2.00 points)")
    assert tuned[1:] == ("70.00 %", "70.00 % (0.00 points)")
    assert image_cosine[1:] == ("0.100000", "0.101000 (+1.000 %)")
    assert text_cosine[1:] == ("0.200000", "0.200000 (+0.000 %)")
    rows = list(tabulate(exact, rounded, exact))
    assert len(rows) == 6
    assert rows[2][1:] == ("60.00 %", "60.50 % (2.00 points)", "60.00 % (0.00 points)")
