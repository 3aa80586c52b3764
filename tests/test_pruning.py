"""One pass over the neurons against masking and evaluating for each number of them."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from lib.evaluation import evaluate
from lib.pruning import prune, random_order, sweep_accuracy, sweep_silhouette
from lib.purity import high_purity_order, low_purity_order, neuron_scores
from lib.zeroshot import class_embeddings, embed
from tests.test_zeroshot import make_task


def sweep(images, labels, texts, head, order, keep):
    """Accuracies and silhouettes of an order."""
    embeddings = embed(images, head.image_projection)
    classes = class_embeddings(texts, head.text_projection)
    accuracies = sweep_accuracy(embeddings, labels, classes, order, keep)
    return accuracies, sweep_silhouette(embeddings, labels, order, keep)


def mask_and_evaluate(images, labels, texts, head, kept):
    """The definition: other coordinates to zero, scaled to unit length again, evaluated whole."""
    embeddings = embed(images, head.image_projection).astype(np.float64)
    mask = np.zeros(embeddings.shape[1])
    mask[kept] = 1
    masked = embeddings * mask
    norms = np.linalg.norm(masked, axis=1, keepdims=True)
    masked /= np.where(norms == 0, 1, norms)
    cosines = masked @ class_embeddings(texts, head.text_projection).astype(np.float64).T
    accuracy = np.mean(cosines.argmax(axis=1) == labels)
    return accuracy, silhouette_score(masked, labels, metric="cosine")


@pytest.mark.parametrize("n, dim, classes", [(400, 24, 7), (700, 10, 3)])
def test_every_size_equals_masking_and_evaluating(n, dim, classes):
    task = make_task(n=n, dim=dim, classes=classes)
    for order in (random_order(dim, 0, 0), low_purity_order(neuron_scores(task[3]))):
        keep = list(range(1, dim + 1))
        expected = [mask_and_evaluate(*task, order[:k]) for k in keep]
        accuracies, silhouettes = sweep(*task, order, keep)
        assert len(set(accuracies)) > 3, "a task that tells nothing"
        assert accuracies.tolist() == [accuracy for accuracy, _ in expected]
        assert silhouettes == pytest.approx([score for _, score in expected], abs=1e-9)


def test_some_sizes_in_any_order_equal_all_sizes():
    images, labels, texts, head = make_task(dim=20)
    order = random_order(20, 1, 0)
    everything = sweep(images, labels, texts, head, order, range(1, 21))
    keep = [13, 5, 20, 5]
    some = sweep(images, labels, texts, head, order, keep)
    for part, whole in zip(some, everything, strict=True):
        assert part == pytest.approx(whole[np.array(keep) - 1], abs=1e-12)


def test_all_neurons_equal_the_plain_evaluation():
    task = make_task(dim=16)
    full = evaluate(*task)
    accuracies, silhouettes = sweep(*task, random_order(16, 2, 0), [16])
    assert accuracies[0] == full["accuracy"]
    assert silhouettes[0] == pytest.approx(full["silhouette"], abs=1e-12)


def test_images_that_vanish_under_the_mask():
    generator = np.random.default_rng(3)
    embeddings = generator.normal(size=(60, 6)).astype(np.float32)
    embeddings[:9, [1, 4]] = 0
    classes = generator.normal(size=(4, 6)).astype(np.float32)
    labels = generator.integers(4, size=60)
    masked = embeddings.astype(np.float64) * np.array([0, 1, 0, 0, 1, 0])
    order = np.array([4, 1, 0, 2, 3, 5])
    accuracy = np.mean((masked @ classes.T.astype(np.float64)).argmax(axis=1) == labels)
    assert sweep_accuracy(embeddings, labels, classes, order, [2])[0] == accuracy
    expected = silhouette_score(masked, labels, metric="cosine")
    assert sweep_silhouette(embeddings, labels, order, [2])[0] == pytest.approx(expected, abs=1e-9)


def test_orders():
    scores = np.array([3.0, 1.0, 2.0, 1.0])
    assert high_purity_order(scores).tolist() == [1, 3, 2, 0]
    assert low_purity_order(scores).tolist() == [0, 2, 1, 3]
    draws = [random_order(50, 7, draw) for draw in range(4)]
    assert all(sorted(draw) == list(range(50)) for draw in draws)
    assert len({tuple(draw) for draw in draws}) == 4
    assert np.array_equal(draws[3], draws[2][::-1])
    assert np.array_equal(random_order(50, 7, 2), draws[2])
    assert not np.array_equal(random_order(50, 8, 2), draws[2])


def test_prune_makes_the_rows_of_the_table():
    task = make_task(dim=12)
    images, labels, texts, head = task
    embeddings = embed(images, head.image_projection)
    classes = class_embeddings(texts, head.text_projection)
    scores = neuron_scores(head)
    rows = prune(embeddings, labels, classes, scores, keep=[4, 8], draws=3, seed=5)
    keys = [(row["strategy"], row["kept"], row["draw"]) for row in rows]
    random_keys = [("random", kept, draw) for draw in range(3) for kept in (4, 8)]
    pure_keys = [(name, kept, 0) for name in ("high_purity", "low_purity") for kept in (4, 8)]
    assert keys == [("full", 12, 0), *pure_keys, *random_keys]
    by_key = dict(zip(keys, rows, strict=True))
    chosen = {
        ("full", 12, 0): np.arange(12),
        ("high_purity", 4, 0): np.argsort(scores)[:4],
        ("low_purity", 8, 0): np.argsort(scores)[-8:],
        ("random", 8, 2): random_order(12, 5, 2)[:8],
    }
    for key, kept in chosen.items():
        accuracy, silhouette = mask_and_evaluate(*task, kept)
        assert by_key[key]["accuracy"] == accuracy
        assert by_key[key]["silhouette"] == pytest.approx(silhouette, abs=1e-9)


@pytest.mark.parametrize("keep", [[0], [3, 13], [], [-1]])
def test_impossible_sizes_are_an_error(keep):
    task = make_task(dim=12, n=50)
    with pytest.raises(ValueError, match="from 1 to 12"):
        sweep(*task, np.arange(12), keep)


@pytest.mark.parametrize("order", [np.arange(11), np.zeros(12, dtype=int), np.arange(1, 13)])
def test_an_order_that_is_no_permutation_is_an_error(order):
    task = make_task(dim=12, n=50)
    with pytest.raises(ValueError, match="each of the 12 neurons once"):
        sweep(*task, order, [4])
