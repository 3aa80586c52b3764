"""What neuron orders and their reverses keep, averaged over all numbers of neurons kept.

The order by purity is told from chance by its place among random orders, of which a verdict needs a
thousand. So what is kept of an order and of its reverse is found in one pass over the neurons:
the products with the classes of the neurons that the reverse keeps are those of all neurons less
those that the order has passed. Sums are in float32, for the order by purity as for random ones:
what that changes is a fraction of an image, and alike for all.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.files import atomic_path
from lib.progress import Progress
from lib.pruning import check_keep, random_order
from lib.purity import high_purity_order
from lib.silhouette import number_classes
from lib.zeroshot import check_labels

_BLOCK = 2048  # images whose products with the classes are held at a time
_ZERO_DISTANCE = 1e-5  # above the rounding of a mean distance in float32, below any real one


class OrderMeans(NamedTuple):
    """Means over all k of an order (first column) and its reverse (second column).

    Row 0 is the order that keeps the purest neurons first, whose reverse keeps the least pure
    first; the others are random.

    Attributes:
        accuracy: (1 + orders, 2).
        silhouette: (1 + silhouette orders, 2).
    """

    accuracy: np.ndarray
    silhouette: np.ndarray


def measure_orders(
    image_embeddings: np.ndarray,
    labels: np.ndarray,
    classes: np.ndarray,
    scores: np.ndarray,
    keep: Sequence[int],
    orders: int,
    silhouette_orders: int,
    seed: int,
) -> OrderMeans:
    """Hold the order by purity, and its reverse, against random orders and their reverses.

    Args:
        image_embeddings: (n, dim).
        labels: (n,) class numbers, rows of `classes`.
        classes: (classes, dim) unit embeddings of the classes.
        scores: (dim,) of the neurons, low is pure (`purity.neuron_scores`).
        keep: numbers of neurons to keep, each from 1 to dim.
        orders: random orders for accuracies; pair i is draw 2i of `pruning.random_order` and its
            reverse, draw 2i + 1.
        silhouette_orders: random orders for silhouettes, which cost several times as much.
        seed: of the random orders.

    Raises:
        ValueError: as `pruning.prune`.
    """
    dim = image_embeddings.shape[1]
    pairs = [random_order(dim, seed, 2 * pair) for pair in range(max(orders, silhouette_orders))]
    chosen = [high_purity_order(scores), *pairs]
    return OrderMeans(
        order_accuracies(image_embeddings, labels, classes, chosen[: 1 + orders], keep),
        order_silhouettes(image_embeddings, labels, chosen[: 1 + silhouette_orders], keep),
    )


def order_accuracies(
    image_embeddings: np.ndarray,
    labels: np.ndarray,
    classes: np.ndarray,
    orders: Sequence[np.ndarray],
    keep: Sequence[int],
) -> np.ndarray:
    """(orders, 2) accuracies of each order and its reverse, averaged over `keep`.

    Args:
        orders: permutations of the neurons; the others are as in `measure_orders`.
    """
    n, dim = image_embeddings.shape
    labels = check_labels(labels, n, len(classes))
    check_keep(keep, dim)
    columns = np.asarray(classes, dtype=np.float32).T.copy()
    hits = np.zeros((len(orders), 2), dtype=np.int64)
    progress = Progress("accuracies of neuron orders", n * len(orders), "images")
    for start in range(0, n, _BLOCK):
        rows = np.asarray(image_embeddings[start : start + _BLOCK], dtype=np.float32).T.copy()
        truth = labels[start : start + _BLOCK]
        full = columns.T @ rows
        for index, order in enumerate(orders):
            hits[index] += _count_hits(rows, truth, columns, full, order, keep)
            progress.advance(len(truth))
    return hits / (n * len(keep))


def order_silhouettes(
    image_embeddings: np.ndarray,
    labels: np.ndarray,
    orders: Sequence[np.ndarray],
    keep: Sequence[int],
) -> np.ndarray:
    """(orders, 2) silhouettes of each order and its reverse, averaged over `keep`.

    As `pruning.sweep_silhouette` has them, in float32: less than half of its time.
    """
    check_keep(keep, image_embeddings.shape[1])
    codes, counts = number_classes(labels)
    rows = np.asarray(image_embeddings, dtype=np.float32).T
    progress = Progress("silhouettes of neuron orders", len(orders), "orders")
    silhouettes = np.empty((len(orders), 2))
    for index, order in enumerate(orders):
        silhouettes[index] = [
            _mean_silhouette(rows[each], codes, counts, keep) for each in (order, order[::-1])
        ]
        progress.advance(1)
    return silhouettes


def write_order_means(path: str | Path, means: OrderMeans) -> None:
    """Write the means as arrays of an .npz file."""
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **means._asdict())


def read_order_means(path: str | Path) -> OrderMeans:
    """Read what `write_order_means` wrote."""
    with np.load(path) as arrays:
        return OrderMeans(*(arrays[name] for name in OrderMeans._fields))


def _count_hits(
    rows: np.ndarray,
    truth: np.ndarray,
    columns: np.ndarray,
    full: np.ndarray,
    order: np.ndarray,
    keep: Sequence[int],
) -> tuple[int, int]:
    """Images right under an order and under its reverse, summed over `keep`.

    Args:
        rows: (dim, n) of the images.
        columns: (dim, classes).
        full: (classes, n) products over all neurons.
    """
    dim = len(rows)
    logits, others = np.zeros_like(full), np.empty_like(full)
    hits, previous = [0, 0], 0
    for size in sorted({*keep, *(dim - k for k in keep)} - {0}):
        added = order[previous:size]
        logits += np.matmul(columns[added].T, rows[added], out=others)
        previous = size
        if size in keep:
            hits[0] += keep.count(size) * _count_right(logits, truth)
        if dim - size in keep:
            right = _count_right(np.subtract(full, logits, out=others), truth)
            hits[1] += keep.count(dim - size) * right
    if dim in keep:  # nothing has been passed then
        hits[1] += keep.count(dim) * _count_right(full, truth)
    return hits[0], hits[1]


def _mean_silhouette(
    rows: np.ndarray, codes: np.ndarray, counts: np.ndarray, keep: Sequence[int]
) -> float:
    """Silhouette averaged over images and over `keep`, see `lib.silhouette`.

    Args:
        rows: (dim, n), neurons in the order in which they are kept.
        codes, counts: see `number_classes`.
    """
    counts, images = counts.astype(np.float32), np.arange(rows.shape[1])
    is_member = (codes == np.arange(len(counts))[:, None]).astype(np.float32)
    others = counts[codes] - 1
    squares = np.zeros(len(images), dtype=np.float32)
    total, previous = 0.0, 0
    for size in sorted(keep):
        squares += np.square(rows[previous:size]).sum(axis=0)
        previous, kept = size, rows[:size]
        has_direction = squares > 0
        scale = has_direction / np.sqrt(np.where(has_direction, squares, 1))
        products = (((is_member * scale) @ kept.T) @ kept) * scale  # (classes, n)
        own = products[codes, images] - has_direction  # without the sample itself
        within = np.maximum(1 - own / np.maximum(others, 1), 0)
        products /= counts[:, None]
        products[codes, images] = -np.inf
        between = np.maximum(1 - products.max(axis=0), 0)
        largest = np.maximum(within, between)
        is_defined = (others > 0) & (largest > _ZERO_DISTANCE)
        scores = np.where(is_defined, between - within, 0) / np.where(is_defined, largest, 1)
        total += float(scores.mean(dtype=np.float64))
    return total / len(keep)


def _count_right(logits: np.ndarray, truth: np.ndarray) -> int:
    """Images whose true class is the first of highest logit, from (classes, n)."""
    top = logits.max(axis=0)
    if np.count_nonzero(logits == top) > len(truth):  # several classes share the top
        return int(np.count_nonzero(logits.argmax(axis=0) == truth))
    return int(np.count_nonzero(logits[truth, np.arange(len(truth))] == top))
