"""Intervals, tests and verdicts: how sure a measurement is, and against which source of variation.

Each function names the sources that its interval covers: images, seeds, neuron orders or neurons.
Intervals are of 95%, p values are two-sided, and a p is never smaller than
its interval says: where p <= 0.05, the interval lies on one side of 0. `benchmarks/verdicts.py`
measures how often all this is wrong in studies without any effect.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

HOLDS = "holds"
DOES_NOT_HOLD = "does not hold"
CANNOT_BE_TOLD = "cannot be told"
LEVEL = 0.05  # of every verdict: an effect is told where p, corrected for its family, is no larger


class Interval(NamedTuple):
    """An estimate with the bounds of its interval."""

    estimate: float
    low: float
    high: float


class Effect(NamedTuple):
    """An estimate with its 95% interval and the two-sided p of there being no effect.

    Where there is too little to tell (one seed, say), bounds and p are not numbers.
    """

    estimate: float
    low: float
    high: float
    p: float


def wilson_interval(successes: int, trials: int) -> Interval:
    """Share of successes with Wilson's score interval (Wilson 1927): images, drawn independently.

    Raises:
        ValueError: no trials, or successes outside 0 to trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"expected 0 to {trials} successes of 1 or more, found {successes}")
    z = _normal_quantile()
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # at the ends the bound is exactly 0 or 1, which rounding would miss
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return Interval(share, low, high)


def paired_effect(strata: Sequence[np.ndarray], seed: int, draws: int = 2000) -> Effect:
    """Mean over datasets of each dataset's mean difference: images vary, paired by image.

    The interval is the percentile interval of a bootstrap that resamples images within their
    dataset. It is too narrow where few images differ at all, so p is the larger of the bootstrap's
    and that of sign flips: without an effect, the two conditions of an image may change places
    (for accuracies in one dataset, the exact McNemar test by simulation). Both count the data
    themselves as one of the draws.

    Args:
        strata: for each dataset, (n,) differences between two conditions, one an image.
        seed: of resampling and flips.
        draws: number of resamples and of flips; p is at least 1 / (draws + 1).

    Raises:
        ValueError: there is no dataset, a dataset has no images, or a value is not finite.
    """
    strata = [_finite_vector(values, "differences of images", 1) for values in strata]
    if not strata:
        raise ValueError("there is no dataset to resample")
    generator = np.random.default_rng(seed)
    estimate = float(np.mean([values.mean() for values in strata]))
    means = np.mean([_resampled_means(values, draws, generator) for values in strata], axis=0)
    flipped = np.mean([_flipped_means(values, draws, generator) for values in strata], axis=0)
    low, high = np.quantile(means, [LEVEL / 2, 1 - LEVEL / 2])
    smaller_tail = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    # flips that undo one another give the same mean but for its rounding
    extreme = np.count_nonzero(np.abs(flipped) >= abs(estimate) * (1 - 1e-9))
    p = max(min(1.0, 2 * (1 + smaller_tail) / (1 + draws)), (1 + extreme) / (1 + draws))
    return Effect(estimate, float(low), float(high), p)


def mean_interval(values: np.ndarray) -> Interval:
    """Mean with Student's interval; of a single value the bounds are not a number.

    Args:
        values: of seeds, or of images where they are independent (pseudo-values, not silhouettes).
    """
    values = _finite_vector(values, "values of a mean", 1)
    half = _t_half_width(values) / math.sqrt(len(values))
    return _around(float(values.mean()), half)


def mean_effect(values: np.ndarray, strata: Sequence[np.ndarray] = ()) -> Effect:
    """Mean over seeds with Student's interval; with `strata`, images vary beside seeds.

    Variances of the two sources add up, with Satterthwaite's degrees of freedom (Welch 1947).

    Args:
        values: (seeds,) with one seed, or without any spread about a mean that is not 0, bounds and
            p are not numbers.
        strata: for each dataset, (n,) the same quantity by image, averaged over seeds; the
            datasets' means are averaged. Images are the same for all seeds, which a spread over
            seeds does not show.

    Raises:
        ValueError: no seeds, fewer than 2 images in a dataset, or a value is not finite.
    """
    values = _finite_vector(values, "values of seeds", 1)
    estimate = float(values.mean())
    if len(values) < 2:
        return Effect(estimate, math.nan, math.nan, math.nan)
    parts = [(float(values.var(ddof=1)) / len(values), len(values) - 1)]
    for images in strata:
        images = _finite_vector(images, "values of images", 2)
        error = float(images.var(ddof=1)) / len(images) / len(strata) ** 2
        parts.append((error, len(images) - 1))
    variance = sum(part for part, _ in parts)
    if variance == 0:  # nothing changes in any seed, or there is no spread to judge a change by
        return Effect(0.0, 0.0, 0.0, 1.0) if estimate == 0 else Effect(estimate, *[math.nan] * 3)
    degrees = variance**2 / sum(part**2 / freedom for part, freedom in parts)
    error = math.sqrt(variance)
    half = _t_quantile(degrees) * error
    return Effect(estimate, estimate - half, estimate + half, _t_test(estimate / error, degrees))


def trend_effect(x: np.ndarray, y: np.ndarray, strata: Sequence[np.ndarray] = ()) -> Effect:
    """Slope of y over x: a least-squares line for each seed, its mean as `mean_effect` has it.

    p is the larger of that one and `trend_p`'s: few seeds may seem to agree by chance, and then
    the order of the values within each seed must confirm the trend.

    Args:
        x: (k,) places, ascending, all different.
        y: (seeds, k) values.
        strata: for each dataset, (n, k) values by image, averaged over seeds.

    Raises:
        ValueError: shapes do not fit, x does not ascend, or as `mean_effect`.
    """
    x = _finite_vector(x, "places of a slope", 2)
    y = np.asarray(y, dtype=np.float64)
    if y.ndim != 2 or y.shape[1] != len(x):
        raise ValueError(f"expected y of shape (seeds, {len(x)}), found {y.shape}")
    if not (np.diff(x) > 0).all():
        raise ValueError(f"the places of a slope ascend, found {x.tolist()}")
    centred = x - x.mean()
    weights = centred / (centred @ centred)
    effect = mean_effect(y @ weights, [np.asarray(images) @ weights for images in strata])
    return effect if len(y) < 2 else effect._replace(p=max(effect.p, trend_p(y)))


def trend_p(y: np.ndarray) -> float:
    """Exact two-sided p of Page's test (1963) that columns rise, or fall, from left to right.

    Without an effect, the values of a row may stand in any order. Equal values count against the
    trend that is tested. SciPy takes the normal limit beyond 8 columns or a dozen rows.

    Args:
        y: (rows, k) values of at least 2 rows; k = 2 is the sign test. p is at least 2 / k!**rows.
    """
    y = np.asarray(y, dtype=np.float64)
    return min(1.0, 2 * min(_rising_p(y), _rising_p(-y)))


def order_effect(value: float, draws: np.ndarray, centre: float) -> Effect:
    """How far a neuron order lies from random ones, by its rank among them: orders vary.

    Without an effect, `value` is one more draw, and any rank is as probable (an exact test). The
    interval is `value` minus the central 95% of the draws.

    Args:
        value: of the order in question.
        draws: (D,) the same quantity for D random orders; below D = 39 no p can be 0.05 and there
            is no interval.
        centre: what random orders give on average; the estimate is `value` minus this.
    """
    draws = np.sort(_finite_vector(draws, "values of random orders", 1))
    above = len(draws) - np.searchsorted(draws, value, side="left")
    below = np.searchsorted(draws, value, side="right")
    p = min(1.0, 2 * (1 + int(min(above, below))) / (1 + len(draws)))
    outer = math.floor((1 + len(draws)) * LEVEL / 2 * (1 + 1e-12))  # draws on each side
    if outer == 0:
        return Effect(value - centre, math.nan, math.nan, p)
    return Effect(value - centre, value - draws[-outer], value - draws[outer - 1], p)


def contrast_effect(contrasts: np.ndarray) -> Effect:
    """The difference of an order and its reverse, against those of random orders: orders vary.

    An order and its reverse may change places, so each random contrast counts with both signs.

    Args:
        contrasts: (1 + P,) that of the order in question, then those of P random orders; P = 19 is
            the least with which p can be 0.05.
    """
    contrasts = _finite_vector(contrasts, "differences of orders", 1)
    value, magnitudes = float(contrasts[0]), np.sort(np.abs(contrasts[1:]))
    larger = np.count_nonzero(magnitudes >= abs(value))
    p = (1 + larger) / (1 + len(magnitudes))
    # For p <= LEVEL, no more than `outer - 1` random orders may differ as much: the value exceeds
    # the magnitude that is the `outer`th from above.
    outer = math.floor((1 + len(magnitudes)) * LEVEL * (1 + 1e-12))
    half = magnitudes[-outer] if outer else math.nan
    return Effect(value, value - half, value + half, p)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's (1979) correction of a family of p values: P(any false rejection) stays at the level.

    Args:
        p: (claims,); one that is not a number stays so, and counts as a member of the family.

    Returns:
        (claims,) corrected p, at most 1.
    """
    p = np.asarray(p, dtype=np.float64)
    filled = np.nan_to_num(p, nan=1.0)
    order = np.argsort(filled, kind="stable")
    corrected = np.maximum.accumulate(filled[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(corrected, 1.0)
    return np.where(np.isnan(p), np.nan, result)


def pair_mean(values: np.ndarray) -> Interval:
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
    return _around(float(mean), _t_quantile(n - 1) * error)


def pair_mean_difference(first: np.ndarray, second: np.ndarray) -> Interval:
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
        return pair_mean(second - first)
    one, other = pair_mean(first), pair_mean(second)
    half = math.hypot(one.high - one.estimate, other.high - other.estimate)
    return _around(other.estimate - one.estimate, half)


def verdict(low: float, high: float, p: float = 0.0) -> str:
    """What an interval, and a p that may be corrected, say of the claim that an effect is positive.

    "holds" when the whole interval is above 0, "does not hold" when none of it is (an effect of
    exactly 0 is none), and in both cases p at most 0.05; else "cannot be told", as where a bound
    or p is not a number. A claim of a decrease is asked with the bounds' signs turned:
    verdict(-high, -low).

    Raises:
        ValueError: low exceeds high.
    """
    if low > high:
        raise ValueError(f"an interval's lower bound comes first, found {low} and {high}")
    if math.isnan(low) or math.isnan(high) or not p <= LEVEL:
        return CANNOT_BE_TOLD
    if low > 0:
        return HOLDS
    return DOES_NOT_HOLD if high <= 0 else CANNOT_BE_TOLD


def _rising_p(y: np.ndarray) -> float:
    """One-sided p that columns rise; equal values are ranked as if they fell."""
    from scipy.stats import binomtest, page_trend_test  # imported late: it takes a second

    rows, columns = y.shape
    if columns == 2:
        rises = int(np.count_nonzero(y[:, 0] < y[:, 1]))
        return float(binomtest(rises, rows, alternative="greater").pvalue)
    ranks = [np.lexsort((-np.arange(columns), row)).argsort() + 1 for row in y]
    return float(page_trend_test(ranks, ranked=True).pvalue)


def _flipped_means(values: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """(draws,) means under random signs, a few million of them at a time."""
    values = values[values != 0] / len(values)  # a zero has no sign
    means = np.zeros(draws)
    step = max(1, (1 << 21) // max(1, len(values)))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        is_kept = generator.integers(2, size=(size, len(values)), dtype=np.int8)
        means[start : start + size] = 2 * (is_kept @ values) - values.sum()
    return means


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


def _t_half_width(values: np.ndarray) -> float:
    """Student's quantile times the sample's standard deviation; not a number for one value."""
    if len(values) < 2:
        return math.nan
    return _t_quantile(len(values) - 1) * float(values.std(ddof=1))


def _t_quantile(degrees: float) -> float:
    """What Student's t exceeds, upwards or downwards, with probability `LEVEL`."""
    from scipy.special import stdtrit  # imported late: it takes longer than all of NumPy

    return float(stdtrit(degrees, 1 - LEVEL / 2))


def _t_test(statistic: float, degrees: float) -> float:
    """Two-sided p of Student's t."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(statistic)))


def _normal_quantile() -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - LEVEL / 2))


def _around(estimate: float, half: float) -> Interval:
    return Interval(estimate, estimate - half, estimate + half)
