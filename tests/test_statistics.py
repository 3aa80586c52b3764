"""Intervals against SciPy, and their coverage in simulations."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from lib.purity import neuron_cosines
from lib.statistics import (
    contrast_to_draws,
    difference_to_draws,
    mean_interval,
    pair_mean,
    pair_mean_difference,
    paired_bootstrap,
    slope_interval,
    stratified_bootstrap,
    verdict,
    wilson_interval,
)


@pytest.mark.parametrize("successes, trials", [(0, 7), (7, 7), (3, 10), (458, 1000), (1, 1)])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_wilson_equals_scipy(successes, trials, confidence):
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    found = wilson_interval(successes, trials, confidence)
    assert found == pytest.approx((successes / trials, *expected), abs=1e-12)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


@pytest.mark.parametrize("successes, trials", [(0, 0), (5, 4), (-1, 4)])
def test_wilson_of_impossible_counts_is_an_error(successes, trials):
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(successes, trials)


def test_paired_bootstrap_equals_scipy_to_its_own_noise():
    generator = np.random.default_rng(0)
    first = generator.random(300) < 0.5
    second = first | (generator.random(300) < 0.1)
    found = paired_bootstrap(first, second, seed=1, draws=20000)
    difference = second.astype(float) - first
    expected = stats.bootstrap(
        (difference,), np.mean, n_resamples=20000, method="percentile", rng=generator
    ).confidence_interval
    assert found.estimate == difference.mean()
    assert found[1:] == pytest.approx(expected, abs=0.004)


def test_bootstrap_keeps_the_pairs():
    first = np.random.default_rng(0).normal(size=200)
    found = paired_bootstrap(first, first + 0.25, seed=0)
    assert found == pytest.approx((0.25, 0.25, 0.25), abs=1e-12)


def test_bootstrap_is_the_same_for_the_same_seed():
    values = np.random.default_rng(0).normal(size=(2, 50))
    assert paired_bootstrap(*values, seed=3) == paired_bootstrap(*values, seed=3)
    assert paired_bootstrap(*values, seed=3) != paired_bootstrap(*values, seed=4)


def test_strata_weigh_alike_and_add_their_variances():
    generator = np.random.default_rng(0)
    strata = [generator.normal(1, 1, 400), generator.normal(2, 3, 900), generator.normal(6, 2, 100)]
    found = stratified_bootstrap(strata, seed=0, draws=20000)
    error = math.sqrt(sum(values.var() / len(values) for values in strata)) / 3
    assert found.estimate == pytest.approx(np.mean([values.mean() for values in strata]))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.04)


def test_bootstrap_refuses_what_it_cannot_resample():
    with pytest.raises(ValueError, match="pairs of images"):
        paired_bootstrap(np.ones(3), np.ones(4), seed=0)
    with pytest.raises(ValueError, match="at least 1"):
        paired_bootstrap(np.ones(0), np.ones(0), seed=0)
    with pytest.raises(ValueError, match="finite"):
        paired_bootstrap(np.ones(2), np.array([1, np.nan]), seed=0)
    with pytest.raises(ValueError, match="no dataset"):
        stratified_bootstrap([], seed=0)


def test_mean_interval_equals_scipy():
    values = np.array([0.3, 0.7, 0.45, 0.5])
    expected = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((values.mean(), *expected), abs=1e-12)


def test_one_seed_tells_nothing():
    found = mean_interval(np.array([0.4]))
    assert found.estimate == 0.4
    assert verdict(found.low, found.high) == "cannot be told"


def test_slope_is_a_line_for_each_seed_and_an_interval_over_seeds():
    x = np.array([0, 0.1, 0.3, 0.5, 0.8])
    y = np.random.default_rng(0).normal(size=(3, 5)) + 2 * x
    slopes = [stats.linregress(x, row).slope for row in y]
    assert slope_interval(x, y) == pytest.approx(mean_interval(np.array(slopes)), abs=1e-12)


def test_slope_needs_places_that_differ_and_fit():
    with pytest.raises(ValueError, match="two different places"):
        slope_interval(np.full(3, 0.5), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"\(seeds, 3\)"):
        slope_interval(np.arange(3.0), np.ones((3, 2)))


def test_difference_to_draws_covers_chance_95_times_in_100():
    generator = np.random.default_rng(0)
    values, draws = generator.normal(5, 2, 4000), generator.normal(5, 2, (4000, 10))
    intervals = [difference_to_draws(*pair) for pair in zip(values, draws, strict=True)]
    covered = np.mean([found.low <= 0 <= found.high for found in intervals])
    assert covered == pytest.approx(0.95, abs=0.012)
    found = difference_to_draws(7.0, np.array([4.0, 5.0, 6.0]))
    half = stats.t.ppf(0.975, 2) * 1.0 * math.sqrt(1 + 1 / 3)
    assert found == pytest.approx((2.0, 2.0 - half, 2.0 + half))


def test_contrast_to_draws_covers_chance_95_times_in_100():
    generator = np.random.default_rng(0)
    values, contrasts = generator.normal(0, 2, 4000), generator.normal(0, 2, (4000, 10))
    intervals = [contrast_to_draws(*pair) for pair in zip(values, contrasts, strict=True)]
    covered = np.mean([found.low <= 0 <= found.high for found in intervals])
    assert covered == pytest.approx(0.95, abs=0.012)
    half = stats.t.ppf(0.975, 2) * math.sqrt((9 + 16) / 2)
    assert contrast_to_draws(7.0, np.array([3.0, -4.0])) == pytest.approx((7, 7 - half, 7 + half))
    assert math.isnan(contrast_to_draws(7.0, np.array([])).low)


def loop_variance_of_pair_mean(values):
    """Unbiased estimate from its definition: products of pairs that share no neuron."""
    n = len(values)
    pairs = [values[i, j] for i, j in itertools.combinations(range(n), 2)]
    disjoint = [values[i, j] * values[k, m] for i, j, k, m in itertools.permutations(range(n), 4)]
    return np.mean(pairs) ** 2 - np.mean(disjoint)


def test_pair_mean_has_the_unbiased_variance_of_a_u_statistic():
    effects = np.random.default_rng(0).uniform(0, 1, 9)
    values = np.add.outer(effects, effects) + 5
    found = pair_mean(values)
    error = math.sqrt(loop_variance_of_pair_mean(values))
    upper = values[np.triu_indices(9, k=1)]
    assert found.estimate == pytest.approx(upper.mean(), abs=1e-12)
    assert found.high - found.estimate == pytest.approx(stats.t.ppf(0.975, 8) * error, rel=1e-9)


def test_the_diagonal_is_ignored_and_the_input_untouched():
    values = np.random.default_rng(0).random((6, 6))
    values += values.T
    other = values.copy()
    np.fill_diagonal(other, 99)
    assert pair_mean(values) == pytest.approx(pair_mean(other), abs=1e-12)
    assert other[0, 0] == 99


def simulate(generator, width, dim, sharing):
    """|cos| of Gaussian neurons that share one direction, each to its own degree."""
    shares = sharing * generator.uniform(0, 2, dim)
    direction = np.ones((width, 1))  # fixed, or neurons would not be independent draws
    return np.abs(neuron_cosines(generator.normal(size=(width, dim)) + shares * direction))


@pytest.mark.parametrize("sharing", [0.0, 0.5])
def test_intervals_of_mean_cosines_cover_the_truth(sharing):
    generator = np.random.default_rng(1)
    width, dim, runs = 32, 40, 500
    simulated = [simulate(generator, width, dim, sharing) for _ in range(runs)]
    intervals = [pair_mean(magnitudes) for magnitudes in simulated]
    truth = np.mean([found.estimate for found in intervals])  # 22 times as exact as one of them
    covered = np.mean([found.low <= truth <= found.high for found in intervals])
    assert 0.92 <= covered <= 0.985


@pytest.mark.parametrize("other_dim", [40, 50])
@pytest.mark.parametrize("sharing", [0.0, 0.5])
def test_two_alike_checkpoints_are_told_apart_5_times_in_100(other_dim, sharing):
    generator = np.random.default_rng(2)
    outside = 0
    for _ in range(400):
        first = simulate(generator, 32, 40, sharing)
        second = simulate(generator, 32, other_dim, sharing)
        found = pair_mean_difference(first, second)
        outside += not found.low <= 0 <= found.high
    assert 0.015 <= outside / 400 <= 0.08


def test_pairing_neurons_sharpens_the_difference_of_two_fine_tunes():
    generator = np.random.default_rng(3)
    base = generator.normal(size=(64, 48)) + generator.uniform(0, 1, 48)
    moved = base + 0.05 * generator.normal(size=(64, 48)) + 0.02
    first, second = np.abs(neuron_cosines(base)), np.abs(neuron_cosines(moved))
    paired = pair_mean_difference(first, second)
    one, other = pair_mean(first), pair_mean(second)
    assert paired.estimate == pytest.approx(other.estimate - one.estimate, abs=1e-12)
    assert paired.high - paired.low < 0.2 * (one.high - one.low)
    assert pair_mean_difference(first, first) == (0, 0, 0)


def test_pair_means_of_wrong_input_are_an_error():
    with pytest.raises(ValueError, match="at least 4"):
        pair_mean(np.ones((3, 3)))
    with pytest.raises(ValueError, match="square"):
        pair_mean(np.ones((5, 4)))
    with pytest.raises(ValueError, match="finite"):
        pair_mean(np.full((5, 5), np.nan))


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0.1, 0.2, "holds"),
        (-0.2, -0.1, "does not hold"),
        (-0.1, 0.2, "cannot be told"),
        (0.0, 0.2, "cannot be told"),
        (-0.2, 0.0, "does not hold"),
        (0.0, 0.0, "does not hold"),
        (math.nan, math.nan, "cannot be told"),
        (0.1, math.nan, "cannot be told"),
    ],
)
def test_verdicts(low, high, expected):
    assert verdict(low, high) == expected


def test_a_turned_interval_is_an_error():
    with pytest.raises(ValueError, match="lower bound"):
        verdict(0.2, 0.1)
