"""Intervals against SciPy, and their coverage in simulations."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from lib.purity import neuron_cosines
from lib.statistics import (
    contrast_effect,
    holm,
    mean_effect,
    mean_interval,
    order_effect,
    pair_mean,
    pair_mean_difference,
    paired_effect,
    trend_effect,
    trend_p,
    verdict,
    wilson_interval,
)


@pytest.mark.parametrize("successes, trials", [(0, 7), (7, 7), (3, 10), (458, 1000), (1, 1)])
def test_wilson_equals_scipy(successes, trials):
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    found = wilson_interval(successes, trials)
    assert found == pytest.approx((successes / trials, *expected), abs=1e-12)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


@pytest.mark.parametrize("successes, trials", [(0, 0), (5, 4), (-1, 4)])
def test_wilson_of_impossible_counts_is_an_error(successes, trials):
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(successes, trials)


def test_paired_interval_equals_scipys_bootstrap_to_its_own_noise():
    generator = np.random.default_rng(0)
    first = generator.random(300) < 0.5
    second = first | (generator.random(300) < 0.1)
    difference = second.astype(float) - first
    found = paired_effect([difference], seed=1, draws=20000)
    expected = stats.bootstrap(
        (difference,), np.mean, n_resamples=20000, method="percentile", rng=generator
    ).confidence_interval
    assert found.estimate == difference.mean()
    assert found[1:3] == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("won, lost", [(3, 0), (4, 0), (6, 1), (12, 3), (20, 9), (5, 5)])
def test_paired_p_is_that_of_mcnemars_exact_test(won, lost):
    """Also where so few images differ that the bootstrap's interval is too narrow."""
    difference = np.concatenate([np.ones(won), -np.ones(lost), np.zeros(400)])
    found = paired_effect([difference], seed=0, draws=20000)
    assert found.p == pytest.approx(stats.binomtest(won, won + lost).pvalue, abs=0.012)


def test_paired_p_is_never_smaller_than_the_interval_says():
    """And hardly ever larger where many images differ."""
    generator = np.random.default_rng(0)
    told = []
    for seed in range(80):
        found = paired_effect([generator.normal(0.14, 1, 200)], seed, draws=999)
        told.append((found.p <= 0.05, found.low > 0 or found.high < 0))
    assert all(is_told <= lies_apart for is_told, lies_apart in told)
    assert 15 < sum(is_told for is_told, _ in told) < 65
    assert sum(a != b for a, b in told) < 8


def test_bootstrap_keeps_the_pairs():
    found = paired_effect([np.full(200, 0.25)], seed=0)
    assert found == pytest.approx((0.25, 0.25, 0.25, 1 / 2001), abs=1e-3)


def test_bootstrap_is_the_same_for_the_same_seed():
    values = np.random.default_rng(0).normal(size=50)
    assert paired_effect([values], seed=3) == paired_effect([values], seed=3)
    assert paired_effect([values], seed=3) != paired_effect([values], seed=4)


def test_strata_weigh_alike_and_add_their_variances():
    generator = np.random.default_rng(0)
    strata = [generator.normal(1, 1, 400), generator.normal(2, 3, 900), generator.normal(6, 2, 100)]
    found = paired_effect(strata, seed=0, draws=5000)
    error = math.sqrt(sum(values.var() / len(values) for values in strata)) / 3
    assert found.estimate == pytest.approx(np.mean([values.mean() for values in strata]))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.04)


def test_bootstrap_refuses_what_it_cannot_resample():
    with pytest.raises(ValueError, match="at least 1"):
        paired_effect([np.ones(0)], seed=0)
    with pytest.raises(ValueError, match="finite"):
        paired_effect([np.array([1, np.nan])], seed=0)
    with pytest.raises(ValueError, match="no dataset"):
        paired_effect([], seed=0)


def test_mean_interval_equals_scipy():
    values = np.array([0.3, 0.7, 0.45, 0.5])
    expected = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((values.mean(), *expected), abs=1e-12)


def test_one_seed_tells_nothing():
    found = mean_interval(np.array([0.4]))
    assert found.estimate == 0.4
    assert verdict(found.low, found.high) == "cannot be told"


def test_mean_effect_is_students_test():
    values = np.array([0.3, 0.7, -0.45, 0.5])
    found = mean_effect(values)
    assert found[:3] == pytest.approx(mean_interval(values), abs=1e-12)
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=1e-12)


def test_images_add_their_variance_to_that_of_seeds():
    """One sample of seeds and one of images are Welch's test of two samples."""
    generator = np.random.default_rng(0)
    seeds, images = generator.normal(1, 1, 4), generator.normal(0, 3, 30)
    found = mean_effect(seeds, [images - images.mean()])
    expected = stats.ttest_ind(seeds, images - images.mean(), equal_var=False)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert found[1:3] == pytest.approx(expected.confidence_interval(), abs=1e-12)
    halved = mean_effect(seeds, [images, images])  # each dataset weighs a half
    assert halved.high - halved.low < found.high - found.low


def test_seeds_and_images_both_cover_chance():
    """Where images win or lose alike in all seeds, seeds alone would be wrong most of the time."""
    generator = np.random.default_rng(0)
    alone = both = 0
    for _ in range(800):
        images = generator.normal(0, 1, 60)
        seeds = images.mean() + 0.05 * generator.normal(size=3)
        alone += mean_effect(seeds).p <= 0.05
        both += mean_effect(seeds, [images]).p <= 0.05
    assert both / 800 <= 0.065
    assert alone / 800 > 0.3


def test_slope_is_a_line_for_each_seed_and_an_interval_over_seeds():
    x = np.array([0, 0.1, 0.3, 0.5, 0.8])
    y = np.random.default_rng(0).normal(size=(3, 5)) + 2 * x
    slopes = np.array([stats.linregress(x, row).slope for row in y])
    found = trend_effect(x, y)
    assert found[:3] == pytest.approx(mean_interval(slopes), abs=1e-12)
    assert found.p == max(mean_effect(slopes).p, trend_p(y))
    images = np.random.default_rng(1).normal(size=(40, 5))
    by_image = np.array([stats.linregress(x, row).slope for row in images])
    expected = mean_effect(slopes, [by_image])
    assert trend_effect(x, y, [images])[:3] == pytest.approx(expected[:3], abs=1e-12)


def loop_trend_p(y):
    """From all orders that the values of each row may have: one-sided, each way."""
    places = np.arange(1, y.shape[1] + 1)
    ranks = stats.rankdata(y, axis=1)
    sums = [np.array(list(itertools.permutations(row))) @ places for row in ranks]
    totals = np.array([sum(each) for each in itertools.product(*sums)])
    found = (ranks @ places).sum()
    return min(1, 2 * min(np.mean(totals >= found - 1e-9), np.mean(totals <= found + 1e-9)))


@pytest.mark.parametrize("shape", [(2, 3), (3, 4), (3, 3), (4, 2), (2, 5)])
def test_the_trend_is_held_against_all_orders_of_the_values(shape):
    generator = np.random.default_rng(0)
    for growth in (0, 0.5, -2, 5):
        y = generator.normal(size=shape) + growth * np.arange(shape[1])
        assert trend_p(y) == pytest.approx(loop_trend_p(y), abs=1e-12)


def test_equal_values_are_no_trend():
    assert trend_p(np.ones((3, 5))) == 1
    rising = np.tile([0.0, 1, 1, 2, 3], (3, 1))
    assert trend_p(np.tile(np.arange(5.0), (3, 1))) < trend_p(rising) < 0.01
    assert trend_p(-rising) == trend_p(rising)


def test_few_seeds_that_agree_by_chance_are_no_trend():
    """Slopes of three seeds with hardly any spread, from values in no order."""
    x = np.arange(5.0)
    y = np.array([[1.0], [1.0001], [0.9999]]) * [0.0, 9, -9, 9, 1]
    assert mean_effect(y @ (x - 2)).p < 1e-6
    assert trend_effect(x, y).p > 0.05


def test_seeds_that_agree_to_the_bit_tell_too_little_or_that_nothing_changes():
    found = mean_effect(np.full(3, 1e-9))
    assert found.estimate == 1e-9
    assert np.isnan(found[1:]).all()
    assert np.isnan(trend_effect(np.arange(3.0), np.tile([1.0, 2, 4], (2, 1))).p)
    assert mean_effect(np.zeros(3)) == (0, 0, 0, 1)


def test_slope_needs_places_that_ascend_and_fit():
    with pytest.raises(ValueError, match="ascend"):
        trend_effect(np.full(3, 0.5), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"\(seeds, 3\)"):
        trend_effect(np.arange(3.0), np.ones((3, 2)))


def loop_order_p(value, draws):
    """Two-sided rank p, and whether value minus a central draw is told from 0."""
    above = sum(draw >= value for draw in draws)
    below = sum(draw <= value for draw in draws)
    return min(1, 2 * (1 + min(above, below)) / (1 + len(draws)))


@pytest.mark.parametrize("count", [10, 39, 40, 199, 999])
def test_an_order_is_judged_by_its_rank_and_its_interval_says_the_same(count):
    draws = np.random.default_rng(count).normal(5, 2, count)
    for value in np.linspace(0, 10, 81):
        found = order_effect(value, draws, centre=5.0)
        assert found.p == pytest.approx(loop_order_p(value, draws))
        assert found.estimate == value - 5
        assert (found.low > 0 or found.high < 0) == (found.p <= 0.05 and count >= 39)
    assert math.isnan(found.low) == (count < 39)


def test_a_random_order_is_told_from_others_5_times_in_100():
    generator = np.random.default_rng(0)
    values, draws = generator.gumbel(size=2000), generator.gumbel(size=(2000, 39))
    told = [order_effect(*pair, 0.0).p <= 0.05 for pair in zip(values, draws, strict=True)]
    assert np.mean(told) == pytest.approx(0.05, abs=0.015)  # exactly 2 of 40


def test_a_contrast_counts_with_both_signs():
    contrasts = np.random.default_rng(0).normal(size=20)
    for value in (0.0, 1.0, -1.0, 9.0, -9.0):
        contrasts[0] = value
        found = contrast_effect(contrasts)
        larger = np.count_nonzero(np.abs(contrasts[1:]) >= abs(value))
        assert found.p == pytest.approx((1 + larger) / 20)
        assert found.estimate == value
        assert (found.low + found.high) / 2 == pytest.approx(value)
        assert (found.low > 0 or found.high < 0) == (found.p <= 0.05)
    assert math.isnan(contrast_effect(contrasts[:19]).low)


def loop_holm(p):
    """From the smallest on: the k-th smallest of m is multiplied by m - k + 1, and never falls."""
    corrected, largest = [None] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, (len(p) - rank) * p[index])
        corrected[index] = min(1.0, largest)
    return corrected


def test_holm_equals_its_definition():
    generator = np.random.default_rng(0)
    for size in (1, 2, 7, 30):
        p = generator.beta(0.3, 1, size).round(2)  # with ties
        assert holm(p) == pytest.approx(loop_holm(p.tolist()))
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


def test_a_claim_that_cannot_be_tested_stays_a_member_of_its_family():
    assert holm(np.array([np.nan, 0.02, 0.03]))[1:] == pytest.approx([0.06, 0.06])
    assert math.isnan(holm(np.array([np.nan, 0.02]))[0])


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


def test_a_verdict_needs_a_small_p():
    assert verdict(0.1, 0.2, 0.05) == "holds"
    assert verdict(0.1, 0.2, 0.051) == "cannot be told"
    assert verdict(-0.2, -0.1, math.nan) == "cannot be told"


def test_a_turned_interval_is_an_error():
    with pytest.raises(ValueError, match="lower bound"):
        verdict(0.2, 0.1)
