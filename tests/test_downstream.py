"""Linear probe, nearest neighbours and retrieval against plain loops, PyTorch and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from torch.utils.data import DataLoader, TensorDataset

from lib import downstream
from lib.downstream import (
    ProbeSettings,
    measure_classification,
    measure_retrieval,
    predict_neighbours,
    predict_probes,
    retrieval_ranks,
    score_predictions,
    train_probes,
)
from lib.evaluation import evaluate
from lib.feature_store import DatasetFeatures
from lib.heads import Head
from lib.statistics import wilson_interval
from lib.zeroshot import embed

CLASSES = 7


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def make_images(count, seed, dim=12, noise=1.0):
    """Images of classes that overlap, and their labels; the classes do not depend on the seed."""
    centres = np.random.default_rng(0).normal(size=(CLASSES, dim))
    generator = np.random.default_rng(seed)
    labels = generator.integers(CLASSES, size=count)
    return (centres[labels] + noise * generator.normal(size=(count, dim))).astype(
        np.float32
    ), labels


def make_heads(count, dim=12, embed_dim=9):
    generator = np.random.default_rng(5)
    return {
        str(number): Head(*generator.normal(size=(2, dim, embed_dim)).astype(np.float32), 4.6)
        for number in range(count)
    }


# --- Nearest neighbours ---------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 20])
def test_neighbours_vote_as_in_scikit_learn(k):
    """Two neighbours often disagree: of equal votes the first class wins."""
    (train, train_labels), (test, labels) = make_images(400, seed=1), make_images(1300, seed=2)
    oracle = KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(train, train_labels)
    found = predict_neighbours(unit(train), train_labels, unit(test), k, CLASSES)
    assert np.array_equal(found, oracle.predict(test))
    assert 0.3 < np.mean(found == labels) < 0.95, "a task that tells nothing"


def test_all_training_images_may_vote_but_no_more():
    train, labels = make_images(30, seed=1)
    found = predict_neighbours(unit(train), labels, unit(train[:4]), 30, CLASSES)
    assert set(found) == {np.bincount(labels).argmax()}
    with pytest.raises(ValueError, match="30 training images, expected at least the 31 neigh"):
        predict_neighbours(unit(train), labels, unit(train), 31, CLASSES)


# --- Linear probe ---------------------------------------------------------------------------------


def train_plainly(embeddings, labels, settings):
    """One probe by PyTorch's own module, loader and optimiser, as CLIP_benchmark trains it."""
    loader = DataLoader(
        TensorDataset(torch.from_numpy(embeddings), torch.from_numpy(labels)),
        batch_size=settings.batch_size,
        shuffle=True,
    )
    torch.manual_seed(settings.seed)
    probe = torch.nn.Linear(embeddings.shape[1], CLASSES)
    optimiser = torch.optim.AdamW(probe.parameters(), lr=0, weight_decay=settings.weight_decay)
    steps, step = settings.epochs * len(loader), 0
    for _ in range(settings.epochs):
        for rows, targets in loader:
            lr = 0.5 * (1 + np.cos(np.pi * step / steps)) * settings.lr
            optimiser.param_groups[0]["lr"] = lr
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(probe(rows), targets).backward()
            optimiser.step()
            step += 1
    return probe


@pytest.mark.parametrize(
    "settings",
    [
        ProbeSettings(),
        ProbeSettings(epochs=3, batch_size=100, lr=0.01, weight_decay=0.5, seed=3),
    ],
)
def test_probes_side_by_side_are_those_that_pytorch_trains_one_by_one(settings):
    train, labels = make_images(333, seed=1)  # the last batch is a smaller one
    test, _ = make_images(500, seed=2)
    heads = make_heads(3)
    embeddings, tested = (
        np.stack([embed(images, head.image_projection) for head in heads.values()])
        for images in (train, test)
    )
    weights, biases = train_probes(embeddings, labels, CLASSES, settings)
    predictions = predict_probes(weights, biases, tested)
    for number in range(len(heads)):
        probe = train_plainly(embeddings[number], labels, settings)
        weight, bias = (tensor.detach().numpy() for tensor in (probe.weight, probe.bias))
        assert np.allclose(weights[number].T, weight, atol=1e-4)
        assert np.allclose(biases[number], bias, atol=1e-4)
        expected = probe(torch.from_numpy(tested[number])).argmax(dim=1).numpy()
        assert np.array_equal(predictions[number], expected)


def test_training_probes_leaves_other_random_numbers_alone():
    train, labels = make_images(50, seed=1)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train_probes(unit(train)[None], labels, CLASSES, ProbeSettings(epochs=1))
    assert torch.equal(torch.rand(3), expected)


# --- Retrieval ------------------------------------------------------------------------------------


def test_ranks_are_those_of_sorting():
    generator = np.random.default_rng(0)
    images = unit(generator.normal(size=(1100, 8)))
    texts = unit(images + generator.normal(size=(1100, 8)))
    found = retrieval_ranks(images, texts)
    for row in range(len(images)):
        order = np.argsort(-(images[row].astype(np.float64) @ texts.T.astype(np.float64)))
        assert found[row] == np.flatnonzero(order == row)[0]
    assert len(np.unique(found)) > 100


def test_of_equal_texts_the_first_is_found_first():
    images = unit(np.eye(4)[[0, 0, 1, 0]] + 0.01)
    assert retrieval_ranks(images, images).tolist() == [0, 1, 0, 2]
    with pytest.raises(ValueError, match="expected the same shape"):
        retrieval_ranks(images, images[:3])


def test_recall_counts_partners_among_the_first_k():
    generator = np.random.default_rng(0)
    images = generator.normal(size=(60, 12)).astype(np.float32)
    texts = (images + generator.normal(size=(60, 12))).astype(np.float32)
    identity = np.eye(12, dtype=np.float32)
    scores = measure_retrieval(Head(identity, identity, 4.6), images, texts)
    cosines = unit(images).astype(np.float64) @ unit(texts).T.astype(np.float64)
    expected = {}
    for method, matrix in (("text_retrieval", cosines), ("image_retrieval", cosines.T)):
        for k in (1, 5, 10):
            top = [np.argsort(-row)[:k] for row in matrix]
            expected[method, f"recall@{k}"] = np.mean([row in top[row] for row in range(60)])
    assert {(s.method, s.metric): s.value for s in scores} == pytest.approx(expected)
    assert len(set(expected.values())) > 3
    assert [s.chance for s in scores[:3]] == pytest.approx([1 / 60, 5 / 60, 10 / 60])
    assert {s.n for s in scores} == {60}
    assert (scores[1].low, scores[1].high) == wilson_interval(round(scores[1].value * 60), 60)[1:]


# --- Scores ---------------------------------------------------------------------------------------


def test_predictions_are_scored_as_in_scikit_learn():
    _, labels = make_images(200, seed=1)
    labels = labels[labels != 3]  # a class without images has no recall
    predictions = np.where(np.arange(len(labels)) % 3 == 0, 0, labels)
    accuracy, recall = score_predictions("knn", predictions, labels, CLASSES)
    assert accuracy.value == np.mean(predictions == labels)
    assert accuracy.low < accuracy.value < accuracy.high
    assert recall.value == pytest.approx(balanced_accuracy_score(labels, predictions))
    assert recall.value != accuracy.value
    assert math.isnan(recall.low) and recall.chance == 1 / CLASSES


def test_all_heads_are_measured_in_whatever_groups(monkeypatch):
    (train, train_labels), (test, labels) = make_images(300, seed=1), make_images(400, seed=2)
    texts = np.random.default_rng(3).normal(size=(CLASSES, 2, 12)).astype(np.float32)
    dataset = DatasetFeatures(test, labels, texts, [str(number) for number in range(CLASSES)])
    heads = make_heads(5)
    arguments = (heads, dataset, train, train_labels, 5, ProbeSettings(epochs=2))
    together = measure_classification(*arguments)
    monkeypatch.setattr(downstream, "_GROUP", 2 * 300 * 9)
    assert len(downstream._group_heads(heads, 300)) == 3
    # a score that is no number equals itself only as text
    assert str(measure_classification(*arguments)) == str(together)
    assert list(together) == list(heads)
    for label, head in heads.items():
        methods = {(s.method, s.metric): s.value for s in together[label]}
        expected = evaluate(test, labels, texts, head)
        assert methods["zero_shot", "accuracy"] == expected["accuracy"]
        recall = methods["zero_shot", "mean_per_class_recall"]
        assert recall == pytest.approx(expected["mean_per_class_recall"])
        assert methods["linear_probe", "accuracy"] > 0.5
        assert methods["knn", "accuracy"] > 0.4
    with pytest.raises(ValueError, match="labels run from 1 to 7"):
        measure_classification(heads, dataset, train, train_labels + 1, 5, ProbeSettings())
