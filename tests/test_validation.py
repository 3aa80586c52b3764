"""Scores by which epochs are chosen, against loops and the study's own evaluation."""

import numpy as np
import pytest

from lib.evaluation import evaluate
from lib.feature_store import DatasetFeatures
from lib.finetune import FeaturePairs
from lib.heads import Head
from lib.validation import choose_score, score_retrieval, score_zero_shot
from tests.test_zeroshot import make_task


def test_retrieval_counts_equal_captions_as_right():
    images = np.eye(4, dtype=np.float32)
    texts = np.eye(4, dtype=np.float32)[[0, 0, 2, 1]]
    captions = np.array(["a box", "A  box", "a ring", "a star"], dtype=object)
    pairs = FeaturePairs([images[None]], np.arange(4), texts, captions)
    head = Head(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32), 0.0)
    # row 0 finds its text; 1 is nearest to the text of row 3; 2 finds its own; 3 resembles none
    nearest, own = [0, 2, 1, 0], [0, 0, 1, 2]
    expected = np.mean(np.equal(nearest, own))
    assert score_retrieval(pairs, "cpu")(head) == expected == 0.5


def test_captions_that_differ_behind_the_context_are_one():
    images = np.eye(3, dtype=np.float32)
    texts = np.eye(3, dtype=np.float32)[[0, 0, 2]]  # the tower sees no difference of the first two
    captions = np.array(["a box in red", "a box in blue", "a ring"], dtype=object)
    pairs = FeaturePairs([images[[0, 0, 2]][None]], np.arange(3), texts, captions)
    head = Head(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32), 0.0)
    assert choose_score(pairs, None, "cpu", context_length=5)(head) == 1
    assert choose_score(pairs, None, "cpu", context_length=6)(head) == pytest.approx(2 / 3)


def test_zero_shot_accuracy_is_that_of_the_evaluation(monkeypatch):
    """Over several blocks of images and prompts, the last of them not whole."""
    monkeypatch.setattr("lib.validation._ROWS_AT_ONCE", 64)
    monkeypatch.setattr("lib.validation._CELLS_AT_ONCE", 40 * 70)
    images, labels, texts, head = make_task(n=1500, classes=40)
    dataset = DatasetFeatures(images, labels, texts, [str(number) for number in range(40)])
    score = score_zero_shot(dataset, "cpu")
    shifted = Head(np.roll(head.image_projection, 1, axis=0), head.text_projection, 4.6)
    for each in (head, shifted):
        assert score(each) == evaluate(images, labels, texts, each)["accuracy"]
    assert score(head) > score(shifted)
    with pytest.raises(ValueError, match="labels run from"):
        score_zero_shot(dataset._replace(labels=labels + 1), "cpu")


def test_a_dataset_that_is_kept_for_it_goes_before_held_out_pairs():
    images, labels, texts, head = make_task()
    dataset = DatasetFeatures(images, labels, texts, [str(number) for number in range(7)])
    wrong = np.roll(texts[labels, 0], 1, axis=0)  # no pair belongs together
    held_out = FeaturePairs(
        [images[None]], np.arange(len(labels)), wrong, np.arange(len(labels)).astype(str)
    )
    by_dataset = choose_score(held_out, dataset, "cpu")(head)
    assert by_dataset == evaluate(images, labels, texts, head)["accuracy"] > 0.5
    assert choose_score(held_out, None, "cpu")(head) < 0.1
