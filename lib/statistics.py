"""Intervals and verdicts: how sure a measurement is, and against which source of variation.

Every interval covers one source only, named by the function: images, seeds, neuron orders or
neurons. 95% unless asked otherwise.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

HOLDS = "holds"
DOES_NOT_HOLD = "does not hold"
CANNOT_BE_TOLD = "cannot be told"


class Interval(NamedTuple):
    """An estimate with the bounds of its interval."""

    estimate: float
    low: float
    high: float


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Share of successes with Wilson's score interval (Wilson 1927): images, drawn independently.

    Raises:
        ValueError: no trials, or successes outside 0 to trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"expected 0 to {trials} successes of 1 or more, found {successes}")
    z = _normal_quantile(confidence)
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # at the ends the bound is exactly 0 or 1, which rounding would miss
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return Interval(share, low, high)


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray, seed: int, draws: int = 2000, confidence: float = 0.95
) -> Interval:
    """Mean of second - first with a percentile interval from resampled images.

    Args:
        first, second: (n,) values of the same images (whether correct, or silhouettes).
        seed: of the resampling.
        draws: number of resamples.

    Raises:
        ValueError: lengths differ, there are no images, or a value is not finite.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"pairs of images expected, found shapes {first.shape}, {second.shape}")
    return stratified_bootstrap([second - first], seed, draws, confidence)


def stratified_bootstrap(
    strata: Sequence[np.ndarray], seed: int, draws: int = 2000, confidence: float = 0.95
) -> Interval:
    """Mean over datasets of each dataset's mean, images resampled within their dataset.

    Args:
        strata: for each dataset, (n,) values or differences, one an image.
        seed: of the resampling.
        draws: number of resamples.

    Raises:
        ValueError: a dataset has no images, or a value is not finite.
    """
    strata = [_finite_vector(values, "values of images", 1) for values in strata]
    if not strata:
        raise ValueError("there is no dataset to resample")
    generator = np.random.default_rng(seed)
    means = np.mean([_resampled_means(values, draws, generator) for values in strata], axis=0)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(np.mean([values.mean() for values in strata])), float(low), float(high))


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Mean over seeds with Student's interval; with one seed the bounds are not a number."""
    values = _finite_vector(values, "values of seeds", 1)
    half = _t_half_width(values, confidence) / math.sqrt(len(values))
    return _around(float(values.mean()), half)


def slope_interval(x: np.ndarray, y: np.ndarray, confidence: float = 0.95) -> Interval:
    """Slope of y over x: a least-squares line for each seed, then Student's interval over seeds.

    Args:
        x: (k,) places, at least two of them different.
        y: (seeds, k) values.

    Raises:
        ValueError: shapes do not fit, or all x are equal.
    """
    x = _finite_vector(x, "places of a slope", 2)
    y = np.asarray(y, dtype=np.float64)
    if y.ndim != 2 or y.shape[1] != len(x):
        raise ValueError(f"expected y of shape (seeds, {len(x)}), found {y.shape}")
    centred = x - x.mean()
    if not centred.any():
        raise ValueError(f"a slope needs two different places, all are {x[0]}")
    return mean_interval(y @ centred / (centred @ centred), confidence)


def difference_to_draws(value: float, draws: np.ndarray, confidence: float = 0.95) -> Interval:
    """How far a value lies from what random neuron orders give.

    The interval is that of a prediction: under chance, `value` would be one more draw, so the
    difference to the mean of D draws spreads by t * sd * sqrt(1 + 1 / D).

    Args:
        value: of the order in question.
        draws: (D,) the same quantity for D random orders; with one, bounds are not a number.
    """
    draws = _finite_vector(draws, "values of random orders", 1)
    half = _t_half_width(draws, confidence) * math.sqrt(1 + 1 / len(draws))
    return _around(float(value - draws.mean()), half)


def contrast_to_draws(value: float, contrasts: np.ndarray, confidence: float = 0.95) -> Interval:
    """A difference of an order and its reverse, with what chance makes of such a difference.

    Under chance an order and its reverse may change places, so the difference is spread evenly
    about 0: it needs no mean, and P random orders give P degrees of freedom.

    Args:
        value: the difference of the order in question.
        contrasts: (P,) the same for P independent random orders; with none, bounds are not numbers.
    """
    contrasts = _finite_vector(contrasts, "differences of random orders", 0)
    if len(contrasts) == 0:
        return Interval(float(value), math.nan, math.nan)
    spread = math.sqrt(float(np.mean(contrasts**2)))
    return _around(float(value), _t_quantile(confidence, len(contrasts)) * spread)


def pair_mean(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Mean over all pairs of neurons with an interval for the neurons' variation.

    Such a mean is a U-statistic of degree two (Hoeffding 1948): pairs that share a neuron are not
    independent. Its variance is (4 (n - 2) z1 + 2 z2) / (n (n - 1)), z1 the covariance of two pairs
    that share a neuron, z2 the variance of a pair; both are estimated without bias. A jackknife or
    bootstrap over neurons would give twice this variance where z1 is near 0, as it is for random
    projections.

    Args:
        values: (n, n) symmetric, one value a pair of neurons (|cos|, or the difference of two
            checkpoints' |cos|); the diagonal is ignored.

    Raises:
        ValueError: not square, fewer than 4 neurons, or not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    n = len(values)
    if values.shape != (n, n) or n < 4:
        raise ValueError(f"expected a square matrix of at least 4 neurons, found {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("values of pairs must be finite")
    cells = n * (n - 1)
    mean = (values.sum() - np.trace(values)) / cells
    centred = values - mean  # the estimates do not change, their rounding does
    np.fill_diagonal(centred, 0.0)
    rows = centred.sum(axis=1)
    squares, row_squares = np.sum(centred**2), rows @ rows
    sharing = (row_squares - squares) / (cells * (n - 2))
    disjoint = (2 * squares - 4 * row_squares) / (cells * (n - 2) * (n - 3))
    shared = max(sharing - disjoint, 0.0)
    single = max(squares / cells - disjoint, 0.0)
    error = math.sqrt((4 * (n - 2) * shared + 2 * single) / cells)
    return _around(float(mean), _t_quantile(confidence, n - 1) * error)


def pair_mean_difference(
    first: np.ndarray, second: np.ndarray, confidence: float = 0.95
) -> Interval:
    """Difference second - first of the mean over pairs of neurons, e.g. of two checkpoints' |cos|.

    With as many neurons in both, neuron j is the same neuron in both (two fine-tunes of one model)
    and pairs are compared with themselves; else the two are taken as independent.

    Args:
        first, second: (n, n) and (m, m) symmetric; the diagonals are ignored.

    Raises:
        ValueError: as `pair_mean`.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape == second.shape:
        return pair_mean(second - first, confidence)
    one, other = pair_mean(first, confidence), pair_mean(second, confidence)
    half = math.hypot(one.high - one.estimate, other.high - other.estimate)
    return _around(other.estimate - one.estimate, half)


def verdict(low: float, high: float) -> str:
    """What an interval says of the claim that an effect is positive.

    "holds" when the whole interval is above 0, "does not hold" when none of it is (an effect of
    exactly 0 is none), else "cannot be told", as where a bound is not a number. A claim of a
    decrease is asked with the bounds' signs turned: verdict(-high, -low).

    Raises:
        ValueError: low exceeds high.
    """
    if math.isnan(low) or math.isnan(high):
        return CANNOT_BE_TOLD
    if low > high:
        raise ValueError(f"an interval's lower bound comes first, found {low} and {high}")
    if low > 0:
        return HOLDS
    return DOES_NOT_HOLD if high <= 0 else CANNOT_BE_TOLD


def _resampled_means(values: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """(draws,) means of resamples, a few million indices at a time."""
    n = len(values)
    means = np.empty(draws)
    step = max(1, (1 << 21) // n)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        indices = generator.integers(n, size=(size, n), dtype=np.int32)
        means[start : start + size] = values[indices].mean(axis=1)
    return means


def _finite_vector(values: np.ndarray, what: str, least: int) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < least:
        raise ValueError(f"{what}: expected at least {least} in one row, found {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{what} must be finite, found {values[~np.isfinite(values)][0]}")
    return values


def _t_half_width(values: np.ndarray, confidence: float) -> float:
    """Student's quantile times the sample's standard deviation; not a number for one value."""
    if len(values) < 2:
        return math.nan
    return _t_quantile(confidence, len(values) - 1) * float(values.std(ddof=1))


def _t_quantile(confidence: float, degrees: int) -> float:
    from scipy.special import stdtrit  # imported late: it takes longer than all of NumPy

    return float(stdtrit(degrees, (1 + confidence) / 2))


def _normal_quantile(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))


def _around(estimate: float, half: float) -> Interval:
    return Interval(estimate, estimate - half, estimate + half)
