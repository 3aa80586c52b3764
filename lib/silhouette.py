"""The silhouette score with cosine distance, exact, without the matrix of distances.

Rousseeuw (1987): s = (b - a) / max(a, b) for each sample, a = mean distance to the other samples of
its class, b = least mean distance to another class. For unit vectors the mean cosine distance of x
to a class is 1 - x.m with m the mean of the class, so all distances to classes are one product of
(n, dim) and (dim, classes): cost n * classes * dim instead of n * n * dim.

Equal to `sklearn.metrics.silhouette_samples(metric="cosine")` to rounding, with its conventions:
a class of one sample scores 0; a zero vector has distance 1 to all others; fewer than 2 or more
than n - 1 classes are an error. (scikit-learn gives a zero vector the distance 1 to itself, too,
where it works in more than one chunk; here that distance is always 0, as it is there in one.)
"""

import itertools
from typing import NamedTuple

import numpy as np

_BLOCK = 512  # rows held in float64 at a time: 2 MB at 512 dimensions, about a core's cache
_ZERO_DISTANCE = 1e-12  # far above the rounding of a mean distance, far below any real one


class Groups(NamedTuple):
    """Rows in the order of their class.

    Attributes:
        order: (n,) row indices, class by class.
        codes: (n,) class number of each row in that order, 0 to classes - 1.
        counts: (classes,) rows of each class.
    """

    order: np.ndarray
    codes: np.ndarray
    counts: np.ndarray


def silhouette_samples(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Silhouette of every sample.

    Args:
        embeddings: (n, dim) of any length: the cosine does not see it.
        labels: (n,) class of each.

    Returns:
        (n,) float64 between -1 and 1.

    Raises:
        ValueError: shapes differ, values are not finite, or there are fewer than 2 or more than
            n - 1 classes.
    """
    embeddings = np.asarray(embeddings)
    groups = group_rows(labels)
    if embeddings.ndim != 2 or len(embeddings) != len(groups.order):
        raise ValueError(
            f"expected one row of embeddings for each of {len(groups.order)} labels, "
            f"found shape {embeddings.shape}"
        )
    rows = embeddings[groups.order]
    samples = np.empty(len(rows))
    samples[groups.order] = grouped_silhouettes(rows, groups)
    return samples


def silhouette_score(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Mean of `silhouette_samples`."""
    return float(silhouette_samples(embeddings, labels).mean())


def group_rows(labels: np.ndarray) -> Groups:
    """Sort rows by class, as `grouped_silhouettes` wants them.

    Raises:
        ValueError: fewer than 2 or more than n - 1 classes.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels have shape (n,), found {labels.shape}")
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if not 2 <= len(classes) <= len(labels) - 1:
        raise ValueError(
            f"a silhouette needs 2 to n - 1 classes, found {len(classes)} "
            f"among {len(labels)} samples"
        )
    order = np.argsort(codes, kind="stable")
    return Groups(order, codes[order], counts)


def grouped_silhouettes(rows: np.ndarray, groups: Groups) -> np.ndarray:
    """Silhouettes of rows that are sorted by class already.

    Args:
        rows: (n, dim), in the order of `groups`, of any length.
        groups: from `group_rows`.

    Returns:
        (n,) float64, in the order of `groups`.

    Raises:
        ValueError: a value is not finite.
    """
    norms, sums = _norms_and_class_sums(rows, groups)
    samples = np.empty(len(rows))
    for block in _blocks(len(rows)):
        products = rows[block].astype(np.float64) @ sums.T
        products /= np.where(norms[block] == 0, 1, norms[block])[:, None]
        samples[block] = _scores(products, norms[block] > 0, groups.codes[block], groups.counts)
    return samples


def _norms_and_class_sums(rows: np.ndarray, groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """(n,) lengths of the rows, and (classes, dim) sums of each class's unit rows."""
    norms = np.empty(len(rows))
    sums = np.zeros((len(groups.counts), rows.shape[1]))
    for block in _blocks(len(rows)):
        vectors, codes = rows[block].astype(np.float64), groups.codes[block]
        norms[block] = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        weights = 1 / np.where(norms[block] == 0, 1, norms[block])
        bounds = [*np.flatnonzero(np.diff(codes, prepend=-1)), len(codes)]
        for start, stop in itertools.pairwise(bounds):  # rows are sorted: a class is a slice
            # not by the BLAS, whose threads take longer to meet than this takes
            sums[codes[start]] += np.einsum("i,ij->j", weights[start:stop], vectors[start:stop])
    if not np.isfinite(norms).all():
        raise ValueError("embeddings hold values that are not finite, or too large to square")
    return norms, sums


def _scores(
    products: np.ndarray, has_direction: np.ndarray, codes: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """(b - a) / max(a, b) from a block's products (rows, classes) with the class sums."""
    index = np.arange(len(codes))
    others = counts[codes] - 1
    own = products[index, codes] - has_direction  # without the sample itself
    within = np.maximum(1 - own / np.maximum(others, 1), 0)
    products /= counts
    products[index, codes] = -np.inf
    between = np.maximum(1 - products.max(axis=1), 0)
    largest = np.maximum(within, between)
    defined = (others > 0) & (largest > _ZERO_DISTANCE)
    return np.where(defined, between - within, 0) / np.where(defined, largest, 1)


def _blocks(n: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]
