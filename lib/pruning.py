"""Pruning: accuracy and silhouette of a model when only some of its neurons are kept.

The other coordinates of the image embedding are set to zero, the text embedding stays whole
(experiment 2 of the study). Nothing is evaluated afresh for each number of neurons: one pass over
the neurons, in the order in which they are kept, adds each to the products with the classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg.blas import dger

from lib.evaluation import evaluate_embeddings
from lib.purity import high_purity_order, low_purity_order
from lib.silhouette import silhouette_score
from lib.zeroshot import check_labels

# Cells of a block of images x classes: in cache through the pass, and so few that BLAS does not
# divide an update among threads, which would wait for each other longer than they work.
_CELLS = 8192
_FEW_NEURONS = 8  # up to so many, adding one by one is faster than a matrix product


def prune(
    image_embeddings: np.ndarray,
    labels: np.ndarray,
    classes: np.ndarray,
    scores: np.ndarray,
    keep: Sequence[int],
    draws: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Evaluate a model with its purest neurons, its least pure ones, and random ones kept.

    Args:
        image_embeddings: (n, dim) unit embeddings.
        labels: (n,) class numbers, rows of `classes`.
        classes: (classes, dim) unit embeddings of the classes.
        scores: (dim,) of the neurons, low is pure (`purity.neuron_scores`).
        keep: numbers of neurons to keep, each from 1 to dim.
        draws: number of random orders, two by two an order and its reverse.
        seed: of the random orders: with one seed and dim they are the same for every dataset.

    Returns:
        Rows of strategy (full, high_purity, low_purity, random), kept, draw, accuracy, silhouette.

    Raises:
        ValueError: a k lies outside 1 to dim, or as `evaluation.evaluate`.
    """
    full = evaluate_embeddings(image_embeddings, labels, classes)
    dim = image_embeddings.shape[1]
    rows = [_row("full", dim, 0, full["accuracy"], full["silhouette"])]
    orders = [("high_purity", 0, high_purity_order(scores))]
    orders += [("low_purity", 0, low_purity_order(scores))]
    orders += [("random", draw, random_order(dim, seed, draw)) for draw in range(draws)]
    for strategy, draw, order in orders:
        accuracies = sweep_accuracy(image_embeddings, labels, classes, order, keep)
        silhouettes = sweep_silhouette(image_embeddings, labels, order, keep)
        rows += [
            _row(strategy, kept, draw, float(accuracy), float(silhouette))
            for kept, accuracy, silhouette in zip(keep, accuracies, silhouettes, strict=True)
        ]
    return rows


def sweep_accuracy(
    image_embeddings: np.ndarray,
    labels: np.ndarray,
    classes: np.ndarray,
    order: np.ndarray,
    keep: Sequence[int],
) -> np.ndarray:
    """Accuracy for each k with the first k neurons of an order kept.

    Args:
        image_embeddings, labels, classes: as in `prune`, of any length.
        order: (dim,) neurons, first kept first.
        keep: numbers of neurons, each from 1 to dim, in any order.

    Returns:
        A float64 array as long as `keep`.

    Raises:
        ValueError: `order` is no permutation of the neurons, a k lies outside 1 to dim, or a label
            names no class.

    The length of a masked image embedding scales all its cosines alike, so it is left out.
    """
    n, dim = image_embeddings.shape
    labels = check_labels(labels, n, len(classes))
    order, sizes, positions = _check_pass(order, keep, dim)
    weights = classes.T[order].astype(np.float64)
    hits = np.zeros(len(sizes), dtype=np.int64)
    at_once = max(_CELLS // len(classes), 1)
    for start in range(0, n, at_once):
        neurons = image_embeddings[start : start + at_once, order].T.astype(np.float64, order="C")
        truth = labels[start : start + at_once]
        logits = np.zeros((len(truth), len(classes)))
        previous = 0
        for index, size in enumerate(sizes):
            _add_products(logits, neurons[previous:size], weights[previous:size])
            hits[index] += np.count_nonzero(logits.argmax(axis=1) == truth)
            previous = size
    return (hits / n)[positions]


def _add_products(logits: np.ndarray, neurons: np.ndarray, weights: np.ndarray) -> None:
    """Add to logits (images, classes) what neurons (k, images) and weights (k, classes) yield."""
    if len(neurons) > _FEW_NEURONS:
        logits += neurons.T @ weights
        return
    for values, weight in zip(neurons, weights, strict=True):
        dger(1, weight, values, a=logits.T, overwrite_a=True)  # in place


def sweep_silhouette(
    image_embeddings: np.ndarray, labels: np.ndarray, order: np.ndarray, keep: Sequence[int]
) -> np.ndarray:
    """Silhouette for each k of images (n, dim), masked and scaled to unit length again.

    An image whose kept coordinates are all zero has distance 1 to all others.
    """
    order, sizes, positions = _check_pass(order, keep, image_embeddings.shape[1])
    rows = image_embeddings.take(order, axis=1)  # unlike an index, in row-major order
    scores = [silhouette_score(rows[:, :size], labels) for size in sizes]
    return np.array(scores)[positions]


def random_order(dim: int, seed: int, draw: int) -> np.ndarray:
    """The random order of a draw; more draws leave the earlier ones as they are.

    Draw 2i + 1 is the reverse of draw 2i: what keeps the purest first and what keeps the least pure
    first are such a pair, too.
    """
    order = np.random.default_rng([seed, draw // 2]).permutation(dim)
    return order[::-1] if draw % 2 else order


def check_keep(keep: Sequence[int], dim: int) -> None:
    """Raise a ValueError unless there are numbers of neurons to keep, each from 1 to dim."""
    wrong = [k for k in keep if not 1 <= k <= dim]
    if wrong or len(keep) == 0:
        raise ValueError(
            f"numbers of neurons to keep lie from 1 to {dim}, found {wrong or 'none at all'}"
        )


def _check_pass(
    order: np.ndarray, keep: Sequence[int], dim: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order, the distinct sizes ascending, and the place of each of `keep` among them."""
    order = np.asarray(order)
    if order.shape != (dim,) or not np.array_equal(np.sort(order), np.arange(dim)):
        raise ValueError(
            f"an order names each of the {dim} neurons once, found {order.size} entries"
        )
    check_keep(keep, dim)
    sizes, positions = np.unique(np.asarray(keep), return_inverse=True)
    return order, sizes, positions


def _row(strategy: str, kept: int, draw: int, accuracy: float, silhouette: float) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "kept": int(kept),
        "draw": draw,
        "accuracy": accuracy,
        "silhouette": silhouette,
    }
