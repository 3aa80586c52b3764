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

import numpy as np
from scipy.sparse import csc_matrix

_BLOCK = 512  # rows held in float64 at a time: 2 MB at 512 dimensions, about a core's cache
_ZERO_DISTANCE = 1e-12  # far above the rounding of a mean distance, far below any real one


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
    codes, counts = number_classes(labels)
    if embeddings.ndim != 2 or len(embeddings) != len(codes):
        raise ValueError(
            f"expected one row of embeddings for each of {len(codes)} labels, "
            f"found shape {embeddings.shape}"
        )
    norms, sums = _norms_and_class_sums(embeddings, codes, len(counts))
    samples = np.empty(len(embeddings))
    for block in _blocks(len(embeddings)):
        products = embeddings[block].astype(np.float64, order="C") @ sums.T
        products /= np.where(norms[block] == 0, 1, norms[block])[:, None]
        samples[block] = _scores(products, norms[block] > 0, codes[block], counts)
    return samples


def silhouette_score(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Mean of `silhouette_samples`."""
    return float(silhouette_samples(embeddings, labels).mean())


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


def _norms_and_class_sums(
    embeddings: np.ndarray, codes: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) lengths of the rows, and (classes, dim) sums of each class's unit rows."""
    norms = np.empty(len(embeddings))
    sums = np.zeros((n_classes, embeddings.shape[1]))
    for block in _blocks(len(embeddings)):
        rows = embeddings[block].astype(np.float64, order="C")
        norms[block] = np.sqrt(np.vecdot(rows, rows))
        weights = 1 / np.where(norms[block] == 0, 1, norms[block])
        members = (weights, codes[block], np.arange(len(rows) + 1))  # data, indices, indptr
        sums += csc_matrix(members, shape=(n_classes, len(rows))) @ rows
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
