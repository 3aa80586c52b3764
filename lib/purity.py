"""Purity of a projection: how few directions its neurons share.

A neuron is a column of a projection (width, dim). Purity is 1 / mean |cos| of a neuron to the other
neurons of the same projection (Sun et al., "Contrastive Learning with Data Misalignment: Feature
Purity, Training Dynamics and Theoretical Generalization Guarantees", NeurIPS 2025).

The diagonal of the cosine matrix is left out, so averages run over dim * (dim - 1) cells. The
study's own figures average over dim * dim cells with the diagonal set to zero: lower by the factor
(dim - 1) / dim. Standard deviations are those of a population (divided by the number of values).
"""

import math

import numpy as np

from lib.heads import Head
from lib.random_projections import random_band, random_baseline

MEASURES = (
    "avg_abs_cos_sim",
    "max_abs_cos_sim",
    "median_abs_cos_sim",
    "avg_cos_sim",
    "std_cos_sim",
    "per_neuron_purity_mean",
    "per_neuron_purity_std",
    "random_baseline",
    "random_low",
    "random_high",
    "effective_rank",
    "participation_ratio",
    "welch_bound",
)


def neuron_cosines(projection: np.ndarray) -> np.ndarray:
    """Cosine of every neuron to every other.

    Args:
        projection: (width, dim), column = neuron.

    Returns:
        (dim, dim) float64, symmetric, with 1 on the diagonal.

    Raises:
        ValueError: no matrix of at least two neurons; a neuron that is zero (it has no direction)
            or not finite, named by its column.
    """
    weights = np.asarray(projection, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] < 2:
        raise ValueError(
            f"a projection has shape (width, dim) with at least 2 neurons, found {weights.shape}"
        )
    largest = np.abs(weights).max(axis=0)
    for problem, is_bad in (("is not finite", ~np.isfinite(largest)), ("is zero", largest == 0)):
        if is_bad.any():
            raise ValueError(
                f"neuron {int(is_bad.argmax())} of the projection {problem} "
                f"({int(is_bad.sum())} of {is_bad.size} neurons are so): it has no direction"
            )
    weights = weights / largest  # no square can overflow or vanish
    weights /= np.linalg.norm(weights, axis=0)
    cosines = np.clip(weights.T @ weights, -1.0, 1.0)
    np.fill_diagonal(cosines, 1.0)
    return cosines


def measure(projection: np.ndarray) -> dict[str, float]:
    """All measures of one projection (width, dim), by the names in `MEASURES`.

    `std_cos_sim` is the spread of the signed cosines, `per_neuron_purity_std` that of the neurons'
    purities. A neuron orthogonal to all others has an infinite purity; the mean is then infinite
    and the spread not a number. `random_baseline` is what to hold `avg_abs_cos_sim` against, with
    the 95% band from `random_low` to `random_high`, and `welch_bound` what to hold
    `max_abs_cos_sim` against.

    Raises:
        ValueError: as `neuron_cosines`.
    """
    cosines = neuron_cosines(projection)
    dim = len(cosines)
    pairs = cosines[np.triu_indices(dim, k=1)]  # each pair once: same averages, half the work
    magnitudes = np.abs(pairs)
    with np.errstate(divide="ignore", invalid="ignore"):
        purity = (dim - 1) / _row_sums(cosines)
        purity_mean, purity_std = purity.mean(), purity.std()
    values = (
        magnitudes.mean(),
        magnitudes.max(),
        np.median(magnitudes),
        pairs.mean(),
        pairs.std(),
        purity_mean,
        purity_std,
        random_baseline(len(projection)),
        *random_band(len(projection), dim),
        effective_rank(cosines),
        participation_ratio(cosines),
        welch_bound(len(projection), dim),
    )
    return {name: float(value) for name, value in zip(MEASURES, values, strict=True)}


def measure_head(head: Head) -> list[dict]:
    """A row of measures for each projection of a head, `projection` being "image" or "text"."""
    return [{"projection": name} | measure(weights) for name, weights in head.projections().items()]


def mean_abs_cosines(projection: np.ndarray) -> np.ndarray:
    """(dim,) mean |cos| of each neuron to the others of a projection (width, dim).

    Raises:
        ValueError: as `neuron_cosines`.
    """
    cosines = neuron_cosines(projection)
    return _row_sums(cosines) / (len(cosines) - 1)


def neuron_scores(head: Head) -> np.ndarray:
    """Sum of |cos| of each neuron to the others, in both projections together; low is pure.

    Returns:
        (dim,) float64.

    Raises:
        ValueError: as `neuron_cosines`, or the two projections differ in dim.
    """
    image, text = head.image_projection, head.text_projection
    if image.shape[1] != text.shape[1]:
        raise ValueError(
            f"the projections of a head share dim, found image {image.shape} and text {text.shape}"
        )
    return _row_sums(neuron_cosines(image)) + _row_sums(neuron_cosines(text))


def high_purity_order(scores: np.ndarray) -> np.ndarray:
    """Neurons by ascending score (`neuron_scores`); equal ones in their own order."""
    return np.argsort(scores, kind="stable")


def low_purity_order(scores: np.ndarray) -> np.ndarray:
    """Neurons by descending score; equal ones in their own order."""
    return np.argsort(-np.asarray(scores), kind="stable")


def effective_rank(cosines: np.ndarray) -> float:
    """Exponential of the entropy of the unit neurons' singular values (Roy and Vetterli, 2007).

    From 1, where all neurons share a direction, to the smaller of width and dim.

    Args:
        cosines: (dim, dim) from `neuron_cosines`; its eigenvalues are their squares.
    """
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(cosines), 0))
    shares = values[values > 0] / values.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def participation_ratio(cosines: np.ndarray) -> float:
    """dim**2 / sum of all squared cosines: how many directions the unit neurons spread over.

    That is (sum l)**2 / sum l**2 over the eigenvalues l of their Gram matrix; from 1 to the smaller
    of width and dim.
    """
    return float(len(cosines) ** 2 / np.sum(cosines**2))


def welch_bound(width: int, dim: int) -> float:
    """The least that the largest |cos| of dim neurons of `width` weights can be (Welch, 1974).

    0 where there are no more neurons than weights: then all can be orthogonal.
    """
    return math.sqrt(max(dim - width, 0) / (width * (dim - 1)))


def _row_sums(cosines: np.ndarray) -> np.ndarray:
    """(dim,) sums of |cos| over the other neurons."""
    magnitudes = np.abs(cosines)
    np.fill_diagonal(magnitudes, 0.0)  # not "minus 1", which would leave rounding where all are 0
    return magnitudes.sum(axis=1)
