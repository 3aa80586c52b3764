"""Datasets in the layout of CLIP_benchmark: labels, chosen images, and prompts."""

import numpy as np
import pytest

from lib.corpus import Sample, write_shard
from lib.datasets import choose_rows, iterate_rows, read_labels, read_prompts
from tests.test_corpus import encode_image, make_pixels


def write_dataset(folder, labels, per_shard=4, broken=()):
    """Shards of labelled images; image i has the pixels of seed i unless it is broken."""
    samples = [
        Sample(
            f"{i:04d}", {"cls": label, "png": b"" if i in broken else encode_image(make_pixels(i))}
        )
        for i, label in enumerate(labels)
    ]
    starts = range(0, len(samples), per_shard)
    shards = [folder / f"{start}.tar" for start in starts]
    for shard, start in zip(shards, starts, strict=True):
        write_shard(shard, samples[start : start + per_shard])
    return shards


def test_labels_come_in_the_order_of_the_shards(tmp_path):
    shards = write_dataset(tmp_path, [b"3", b"0", b" 2\n", b"1", b"1", b"03"])
    labels = read_labels(shards, 4)
    assert labels.tolist() == [3, 0, 2, 1, 1, 3]
    assert labels.dtype == np.int64


@pytest.mark.parametrize("label", [b"4", b"-1", b"", b"1.0", b"cat", b"\xff"])
def test_a_label_that_is_no_class_is_an_error(tmp_path, label):
    shards = write_dataset(tmp_path, [b"0", label])
    with pytest.raises(ValueError, match=r"sample 0001 has label '.*', expected 0 to 3"):
        read_labels(shards, 4)


def test_samples_without_labels_and_no_samples_are_an_error(tmp_path):
    write_shard(tmp_path / "unlabelled.tar", [Sample("a", {"png": b""})])
    write_shard(tmp_path / "empty.tar", [])
    with pytest.raises(ValueError, match="sample a has label ''"):
        read_labels([tmp_path / "unlabelled.tar"], 4)
    with pytest.raises(ValueError, match=r"empty.tar hold no samples"):
        read_labels([tmp_path / "empty.tar"], 4)


@pytest.mark.parametrize("most", [1, 8, 12, 20, 99])
@pytest.mark.parametrize("order", ["round", "sorted"])
def test_chosen_rows_hold_as_many_of_each_class(order, most):
    """Whether labels go round or lie class by class; a small class gives all that it has."""
    labels = np.array([0, 1, 2, 3] * 2 + [0, 1, 2] * 10)
    labels = np.sort(labels) if order == "sorted" else labels
    rows = choose_rows(labels, most)
    assert len(rows) == min(len(labels), most)
    assert (np.diff(rows) > 0).all()
    counts = np.bincount(labels[rows], minlength=4)
    assert most == 1 or counts[3] == 2
    assert np.ptp(counts[:3]) <= 1


def test_chosen_images_alone_are_decoded(tmp_path):
    rows = np.array([1, 4, 6, 9])
    broken = set(range(11)) - set(rows.tolist())
    shards = write_dataset(tmp_path, [b"0"] * 11, broken=broken)
    images = list(iterate_rows(shards, rows))
    assert np.array_equal(images, [make_pixels(row) for row in rows])


def test_a_chosen_image_that_is_broken_is_an_error(tmp_path):
    shards = write_dataset(tmp_path, [b"0"] * 6, broken={5})
    with pytest.raises(ValueError, match=r"4.tar: 0005.png cannot be decoded"):
        list(iterate_rows(shards, np.array([2, 5])))


def write_texts(folder, names, templates):
    paths = folder / "classnames.txt", folder / "templates.txt"
    for path, content in zip(paths, (names, templates), strict=True):
        path.write_text(content, encoding="utf-8")
    return paths


def test_prompts(tmp_path):
    names = "sea_lion\n  café/bar \r\n\n赤い星\n"
    prompts = read_prompts(*write_texts(tmp_path, names, "a {c}\n{c} and {c}\n"))
    assert prompts.classes == ["sea_lion", "café/bar", "赤い星"]
    assert prompts.texts == [
        ["a sea lion", "sea lion and sea lion"],
        ["a café bar", "café bar and café bar"],
        ["a 赤い星", "赤い星 and 赤い星"],
    ]


@pytest.mark.parametrize(
    "names, templates, message",
    [
        ("\n \n", "a {c}", "classnames.txt is empty"),
        ("cat", "", "templates.txt is empty"),
        ("cat\ndog\ncat", "a {c}", "classnames.txt names a class twice"),
        ("cat", "a {c}\na {}", r"template 'a {}' has no place {c} for the class"),
    ],
)
def test_impossible_prompts_are_an_error(tmp_path, names, templates, message):
    with pytest.raises(ValueError, match=message):
        read_prompts(*write_texts(tmp_path, names, templates))
