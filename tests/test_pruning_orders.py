"""What orders and their reverses keep, against a sweep of every single order."""

import numpy as np
import pytest

from lib.pruning import random_order, sweep_accuracy, sweep_silhouette
from lib.pruning_orders import (
    measure_orders,
    order_accuracies,
    order_silhouettes,
    read_order_means,
    write_order_means,
)
from lib.purity import high_purity_order


def make_embedded(n=300, dim=16, classes=5):
    """Images about their classes, neurons that tell more or less, and labels."""
    generator = np.random.default_rng(n)
    centres = generator.normal(size=(classes, dim)) * generator.uniform(0, 1, dim)
    labels = generator.permutation(np.arange(n) % classes)
    return (centres[labels] + generator.normal(size=(n, dim))).astype(np.float32), labels, centres


def sweep_both(images, labels, classes, order, keep):
    """Means over k: accuracies of the order and of its reverse, and silhouettes of both."""
    both = (order, order[::-1])
    return (
        [sweep_accuracy(images, labels, classes, each, keep).mean() for each in both],
        [sweep_silhouette(images, labels, each, keep).mean() for each in both],
    )


@pytest.mark.parametrize("keep", [[4, 8, 12], [1], [5, 15, 2], [16, 3, 3]])
@pytest.mark.parametrize("n", [300, 2500])  # more than a block
def test_one_pass_equals_a_sweep_of_the_order_and_of_its_reverse(n, keep):
    images, labels, classes = make_embedded(n)
    orders = [random_order(16, 0, draw) for draw in (0, 2, 4)]
    expected = [sweep_both(images, labels, classes, order, keep) for order in orders]
    accuracies = order_accuracies(images, labels, classes, orders, keep)
    silhouettes = order_silhouettes(images, labels, orders, keep)
    assert accuracies == pytest.approx(np.array([both for both, _ in expected]), abs=1e-12)
    assert silhouettes == pytest.approx(np.array([both for _, both in expected]), abs=2e-6)
    assert len(np.unique(accuracies)) > 2, "a task that tells nothing"


def test_classes_that_share_the_top_are_told_by_their_number():
    """Twice the same prompt, and images that vanish under the mask."""
    images, labels, classes = make_embedded()
    classes[3] = classes[1]
    images[:50, :10] = 0
    order = np.arange(16)
    keep = [6, 10]
    expected = sweep_both(images, labels, classes, order, keep)
    found = order_accuracies(images, labels, classes, [order], keep)
    assert found[0] == pytest.approx(expected[0], abs=1e-12)
    silhouettes = order_silhouettes(images, labels, [order], keep)
    assert silhouettes[0] == pytest.approx(expected[1], abs=2e-6)


def test_the_order_by_purity_comes_first_then_the_draws_of_the_tables(tmp_path):
    images, labels, classes = make_embedded()
    scores, keep = np.random.default_rng(1).normal(size=16), [4, 8]
    means = measure_orders(images, labels, classes, scores, keep, 3, 2, seed=7)
    assert (means.accuracy.shape, means.silhouette.shape) == ((4, 2), (3, 2))
    for row, order in enumerate(
        [high_purity_order(scores), *(random_order(16, 7, d) for d in (0, 2))]
    ):
        accuracies, silhouettes = sweep_both(images, labels, classes, order, keep)
        assert means.accuracy[row] == pytest.approx(accuracies, abs=1e-12)
        assert means.silhouette[row] == pytest.approx(silhouettes, abs=2e-6)
    write_order_means(tmp_path / "orders.npz", means)
    again = read_order_means(tmp_path / "orders.npz")
    assert all(np.array_equal(*pair) for pair in zip(means, again, strict=True))


def test_impossible_numbers_of_neurons_are_an_error():
    images, labels, classes = make_embedded()
    for keep in ([0], [17], []):
        with pytest.raises(ValueError, match="from 1 to 16"):
            measure_orders(images, labels, classes, np.arange(16.0), keep, 2, 2, seed=0)
