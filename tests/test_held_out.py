"""Training images of probes, and held-out pairs."""

import json

import numpy as np
import pytest

from lib.corpus import Sample, iterate_samples, write_shard
from lib.glyphs import DatasetSettings, draw_dataset, load_scans
from lib.held_out import check_same_classes, read_held_out, select_held_out, write_held_out


def write_pairs(path, captions, first=0):
    write_shard(
        path,
        (
            Sample(f"{first + number:03d}", {"png": b"", "txt": caption.encode()})
            for number, caption in enumerate(captions)
        ),
    )
    return path


def test_pairs_that_repeat_a_caption_are_left_out(tmp_path):
    shards = [
        write_pairs(tmp_path / "a.tar", ["a red star", "a ring", "A red  star "]),
        write_pairs(tmp_path / "b.tar", ["a ring", "a cross", "a heart"], first=3),
    ]
    keys, captions = select_held_out(shards, 5)
    assert keys == ["000", "001", "004"]
    assert captions == ["a red star", "a ring", "a cross"]
    with pytest.raises(ValueError, match="hold 6 pairs, expected 7"):
        select_held_out(shards, 7)


def test_pairs_whose_captions_differ_behind_the_context_are_left_out(tmp_path):
    shard = write_pairs(tmp_path / "a.tar", ["a red star", "a red ring", "a cross"])
    assert select_held_out([shard], 3, context_length=4)[0] == ["000", "002"]
    assert select_held_out([shard], 3, context_length=5)[0] == ["000", "001", "002"]


def test_a_pair_without_a_caption_is_an_error(tmp_path):
    write_shard(tmp_path / "a.tar", [Sample("000", {"png": b"", "cls": b"1"})])
    with pytest.raises(ValueError, match=r"sample 000 has no caption \(\.txt\)"):
        select_held_out([tmp_path / "a.tar"], 1)


def test_training_images_need_the_classes_of_the_test(tmp_path):
    for name, text in (("a", "jay\nwren\n"), ("b", "jay\n\nwren"), ("c", "wren\njay\n")):
        (tmp_path / name).write_text(text)
    check_same_classes(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ValueError, match=r"2 classes.*in the same order"):
        check_same_classes(tmp_path / "c", tmp_path / "a")


def test_features_come_back_as_they_were(tmp_path):
    tensors = {
        "train/shapes/images": np.ones((3, 2), np.float32),
        "train/shapes/labels": np.arange(3),
        "pairs/texts": np.arange(8, dtype=np.float32).reshape(4, 2).T,
    }
    write_held_out(tmp_path / "a.safetensors", tensors, {"origin": json.dumps({"code": "x"})})
    found = read_held_out(tmp_path / "a.safetensors")
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)


def test_training_images_show_none_of_the_scans_of_the_tests(tmp_path, monkeypatch):
    """A scan that probes learned by heart would be a test of memory."""
    shown = {}
    for training in (False, True):
        seen = shown[training] = set()
        monkeypatch.setattr("lib.glyphs.render", lambda scene, _, seen=seen: record(scene, seen))
        settings = DatasetSettings("digits", 300, seed=1, training=training)
        draw_dataset(settings, *(tmp_path / name for name in ("a.tar", "names", "templates")))
        assert len(list(iterate_samples([tmp_path / "a.tar"]))) == 300
    first_test = len(load_scans()[1]) * 3 // 4
    assert len(shown[False]) > 100 and len(shown[True]) > 100
    assert min(shown[False]) >= first_test > max(shown[True])


def record(scene, seen):
    seen.add(scene.scan)
    return np.zeros((32, 32, 3), np.uint8)
