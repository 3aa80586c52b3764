"""The silhouette score with cosine distance, exact, without the matrix of distances.

Rousseeuw (1987): s = (b - a) / max(a, b) for each sample, a = mean distance to the other samples of
its class, b = least mean distance to another class. For unit vectors the mean cosine distance of x
to a class is 1 - x.m with m the mean of the class, so all distances to classes are one product of
(n, dim) and (dim, classes): cost n * classes * dim instead of n * n * dim.

Equal to `sklearn.metrics.silhouette_samples(metric="cosine")` to rounding, with its conventions:
a class of one sample scores 0; a zero vector has distance 1 to all others; fewer than 2 or more
than n - 1 classes are an error. (scikit-learn gives a zero vector the distance 1 to itself, too,
where it works in more than one chunk; here that distance is always 0, as it is there in one.)

The silhouettes of the samples are no independent values: all rest on class means that the same
samples make up. How far a score is from that of other samples is told by its pseudo-values (the
infinitesimal jackknife: Jaeckel 1972; Efron 1982, chapter 6), which have a closed form, too.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_matrix

_BLOCK = 512  # rows held in float64 at a time: 2 MB at 512 dimensions, about a core's cache
_ZERO_DISTANCE = 1e-12  # far above the rounding of a mean distance, far below any real one


class _Distances(NamedTuple):
    """Of each sample, all (n,): mean distance to its own class and to the nearest other one."""

    within: np.ndarray
    between: np.ndarray
    nearest: np.ndarray  # number of that class
    is_defined: np.ndarray  # whether there is a silhouette: others in the class, and a distance


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
    embeddings, codes, counts = _check(embeddings, labels)
    norms, sums = _norms_and_class_sums(embeddings, codes, len(counts))
    return _score(_measure_distances(embeddings, norms, sums, codes, counts))


def silhouette_score(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Mean of `silhouette_samples`."""
    return float(silhouette_samples(embeddings, labels).mean())


def silhouette_pseudo_values(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What each sample contributes to the score, its part in the class means included.

    Their mean is the score. If the samples are independent draws, the score's sampling variance is
    that of the pseudo-values over n; the spread of the silhouettes themselves tells too little.

    Let each sample have a weight, and distances and score be weighted means: the pseudo-value of a
    sample is the score plus n times its derivative by that sample's weight, where all are equal.

    Args:
        embeddings, labels: as for `silhouette_samples`.

    Returns:
        (n,) float64, not bounded.

    Raises:
        ValueError: as `silhouette_samples`.
    """
    embeddings, codes, counts = _check(embeddings, labels)
    norms, sums = _norms_and_class_sums(embeddings, codes, len(counts))
    distances = _measure_distances(embeddings, norms, sums, codes, counts)
    within, between, nearest, _ = distances
    by_within, by_between = _slopes(distances)
    by_within /= np.maximum(counts[codes] - 1, 1)
    by_between /= counts[nearest]
    # A mean distance changes with the weight of sample j by its distance to j less the mean
    # distance, 1 - cosine - distance: what the samples that look at j's class add up to is a
    # constant less the product of j with a vector.
    constants = np.bincount(codes, by_within * (1 - within), len(counts))
    constants += np.bincount(nearest, by_between * (1 - between), len(counts))
    vectors = np.zeros_like(sums)
    for block in _blocks(len(codes)):
        rows = _unit_rows(embeddings[block], norms[block])
        vectors += _sum_by_class(by_within[block], codes[block], rows, len(counts))
        vectors += _sum_by_class(by_between[block], nearest[block], rows, len(counts))
    itself = by_within * (within - 1 + (norms > 0))  # no sample looks at itself
    values = _score(distances) + constants[codes] + itself
    for block in _blocks(len(codes)):
        rows = _unit_rows(embeddings[block], norms[block])
        values[block] -= np.vecdot(rows, vectors[codes[block]])
    return values


def number_classes(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) class numbers, 0 to classes - 1 in the order of the labels, and (classes,) rows of each.

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
    return codes, counts


def _check(embeddings: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The embeddings as an array, and what `number_classes` says of the labels."""
    embeddings = np.asarray(embeddings)
    codes, counts = number_classes(labels)
    if embeddings.ndim != 2 or len(embeddings) != len(codes):
        raise ValueError(
            f"expected one row of embeddings for each of {len(codes)} labels, "
            f"found shape {embeddings.shape}"
        )
    return embeddings, codes, counts


def _norms_and_class_sums(
    embeddings: np.ndarray, codes: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) lengths of the rows, and (classes, dim) sums of each class's unit rows."""
    norms = np.empty(len(embeddings))
    sums = np.zeros((n_classes, embeddings.shape[1]))
    for block in _blocks(len(embeddings)):
        rows = embeddings[block].astype(np.float64, order="C")
        norms[block] = np.sqrt(np.vecdot(rows, rows))
        sums += _sum_by_class(1 / _divisors(norms[block]), codes[block], rows, n_classes)
    if not np.isfinite(norms).all():
        raise ValueError("embeddings hold values that are not finite, or too large to square")
    return norms, sums


def _measure_distances(
    embeddings: np.ndarray,
    norms: np.ndarray,
    sums: np.ndarray,
    codes: np.ndarray,
    counts: np.ndarray,
) -> _Distances:
    """Mean cosine distances, from products of the rows with the class sums."""
    others = counts[codes] - 1
    within, between = np.empty(len(codes)), np.empty(len(codes))
    nearest = np.empty_like(codes)
    for block in _blocks(len(codes)):
        own, index = codes[block], np.arange(len(codes[block]))
        products = embeddings[block].astype(np.float64, order="C") @ sums.T
        products /= _divisors(norms[block])[:, None]
        mates = products[index, own] - (norms[block] > 0)  # without the sample itself
        within[block] = 1 - mates / np.maximum(others[block], 1)
        products /= counts
        products[index, own] = -np.inf
        nearest[block] = products.argmax(axis=1)
        between[block] = 1 - products[index, nearest[block]]
    within, between = np.maximum(within, 0), np.maximum(between, 0)
    is_defined = (others > 0) & (np.maximum(within, between) > _ZERO_DISTANCE)
    return _Distances(within, between, nearest, is_defined)


def _score(distances: _Distances) -> np.ndarray:
    """(b - a) / max(a, b), 0 where that is not defined."""
    within, between, _, is_defined = distances
    largest = np.where(is_defined, np.maximum(within, between), 1)
    return np.where(is_defined, between - within, 0) / largest


def _slopes(distances: _Distances) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of `_score` by a and by b."""
    within, between, _, is_defined = distances
    largest = np.where(is_defined, np.maximum(within, between), 1)
    is_astray = within > between
    by_within = -np.where(is_astray, between / largest, 1) / largest
    by_between = np.where(is_astray, 1, within / largest) / largest
    return by_within * is_defined, by_between * is_defined


def _sum_by_class(
    weights: np.ndarray, codes: np.ndarray, rows: np.ndarray, n_classes: int
) -> np.ndarray:
    """(classes, dim) sums of rows (n, dim), each with its weight (n,), by class (n,)."""
    members = (weights, codes, np.arange(len(rows) + 1))  # data, indices, indptr
    return csc_matrix(members, shape=(n_classes, len(rows))) @ rows


def _unit_rows(embeddings: np.ndarray, norms: np.ndarray) -> np.ndarray:
    return embeddings.astype(np.float64, order="C") / _divisors(norms)[:, None]


def _divisors(norms: np.ndarray) -> np.ndarray:
    """Lengths to divide by: a zero vector stays one."""
    return np.where(norms == 0, 1, norms)


def _blocks(n: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]
