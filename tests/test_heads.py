"""Files of heads and features."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from lib.feature_store import DatasetFeatures, read_dataset_features, write_dataset_features
from lib.heads import Head, choose_head, read_heads, write_heads


def make_head(seed):
    generator = np.random.default_rng(seed)
    image, text = generator.normal(size=(2, 6, 4)).astype(np.float32)
    return Head(image, text, 1.5)


def test_heads_come_back_in_the_order_of_seeds(tmp_path):
    heads = {
        label: make_head(i)
        for i, label in enumerate(["0/10", "0/2", "10", "2", "main/1", "pretrained"])
    }
    write_heads(tmp_path / "heads.safetensors", heads)
    found = read_heads(tmp_path / "heads.safetensors")
    assert list(found) == ["0/2", "0/10", "2", "10", "main/1", "pretrained"]
    for label, head in heads.items():
        np.testing.assert_array_equal(found[label].image_projection, head.image_projection)
        np.testing.assert_array_equal(found[label].text_projection, head.text_projection)
        assert found[label].logit_scale == 1.5


def test_a_seed_stands_for_a_file_in_whatever_order_seeds_lie():
    seeds = {str(seed): make_head(seed) for seed in (0, 1, 42)}
    assert choose_head(seeds, 42) is seeds["42"]
    pretrained = {"pretrained": make_head(7)}
    assert choose_head(pretrained, 42) is choose_head(pretrained, None) is pretrained["pretrained"]


def test_a_file_without_heads_is_refused(tmp_path):
    save_file({"weight": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="holds no heads: found weight"):
        read_heads(tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(ValueError, match="not a safetensors file"):
        read_heads(tmp_path / "text.safetensors")


def test_dataset_features_come_back(tmp_path):
    features = DatasetFeatures(
        np.ones((3, 2), np.float32), np.array([0, 1, 1]), np.ones((2, 1, 2), np.float32), ["a", "b"]
    )
    write_dataset_features(tmp_path / "d.safetensors", features, {"model": "clip"})
    found = read_dataset_features(tmp_path / "d.safetensors")
    np.testing.assert_array_equal(found.images, features.images)
    np.testing.assert_array_equal(found.labels, features.labels)
    assert found.classes == ["a", "b"]
