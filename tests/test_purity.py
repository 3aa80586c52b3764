"""Purity against loops over pairs of neurons."""

import math

import numpy as np
import pytest

from lib.heads import Head
from lib.purity import (
    MEASURES,
    measure,
    neuron_cosines,
    neuron_scores,
    welch_bound,
)
from lib.random_projections import random_band, random_baseline


def loop_cosine(a, b):
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(float(x) ** 2 for x in a)) / math.sqrt(sum(float(y) ** 2 for y in b))


def loop_measures(projection):
    """The definitions, cell by cell, without the diagonal."""
    dim = projection.shape[1]
    cells, purities = [], []
    for i in range(dim):
        row = [loop_cosine(projection[:, i], projection[:, j]) for j in range(dim) if j != i]
        cells += row
        purities.append(1 / (sum(map(abs, row)) / (dim - 1)))
    magnitudes = sorted(map(abs, cells))
    middle = len(magnitudes) // 2
    mean = sum(cells) / len(cells)
    purity = sum(purities) / dim
    units = projection / np.sqrt((projection.astype(float) ** 2).sum(axis=0))
    singular = np.linalg.svd(units, compute_uv=False)
    shares = [value / singular.sum() for value in singular if value > 1e-6]
    low, high = random_band(len(projection), dim)
    return {
        "avg_abs_cos_sim": sum(magnitudes) / len(magnitudes),
        "max_abs_cos_sim": max(magnitudes),
        "median_abs_cos_sim": (magnitudes[middle - 1] + magnitudes[middle]) / 2,
        "avg_cos_sim": mean,
        "std_cos_sim": math.sqrt(sum((cell - mean) ** 2 for cell in cells) / len(cells)),
        "per_neuron_purity_mean": purity,
        "per_neuron_purity_std": math.sqrt(sum((p - purity) ** 2 for p in purities) / dim),
        "random_baseline": math.sqrt(2 / (math.pi * len(projection))),
        "random_low": low,
        "random_high": high,
        "effective_rank": math.exp(-sum(share * math.log(share) for share in shares)),
        "participation_ratio": sum(singular**2) ** 2 / sum(singular**4),
        "welch_bound": math.sqrt(max(0, (dim - len(projection)) / (len(projection) * (dim - 1)))),
    }


@pytest.mark.parametrize("width, dim", [(12, 9), (9, 12), (10, 10), (3, 2)])
def test_measures_equal_loops(width, dim):
    generator = np.random.default_rng(width)
    projection = (generator.normal(size=(width, dim)) + 0.5).astype(np.float32)
    projection *= generator.uniform(1e-3, 1e3, dim).astype(np.float32)
    expected = loop_measures(projection)
    found = measure(projection)
    assert list(found) == list(MEASURES) == list(expected)
    for name in MEASURES:
        # the root of an eigenvalue that should be 0 is that of its rounding
        tolerance = 1e-5 if name == "effective_rank" else 1e-7
        assert found[name] == pytest.approx(expected[name], abs=1e-7, rel=tolerance), name


def test_columns_not_rows_are_the_neurons():
    projection = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 1e-9]])
    assert measure(projection)["avg_abs_cos_sim"] == pytest.approx(1)
    square = np.array([[1.0, 1.0], [0.0, 1.0]])
    assert neuron_cosines(square)[0, 1] == pytest.approx(1 / math.sqrt(2))
    assert neuron_cosines(np.array([[2.0, 0.0], [1.0, 1.0]]))[0, 1] == pytest.approx(1 / 5**0.5)


def test_cosines_are_symmetric_within_bounds_and_one_on_the_diagonal():
    projection = np.repeat(np.random.default_rng(0).normal(size=(7, 3)), 4, axis=1)
    cosines = neuron_cosines(projection)
    assert np.array_equal(cosines, cosines.T)
    assert np.abs(cosines).max() == 1
    assert np.array_equal(np.diag(cosines), np.ones(12))


def test_scores_add_both_projections_without_the_diagonal():
    generator = np.random.default_rng(1)
    image = generator.normal(size=(8, 6)).astype(np.float32)
    text = generator.normal(size=(5, 6)).astype(np.float32)
    expected = [
        sum(
            abs(loop_cosine(weights[:, j], weights[:, i]))
            for weights in (image, text)
            for i in range(6)
            if i != j
        )
        for j in range(6)
    ]
    assert neuron_scores(Head(image, text, 0.0)) == pytest.approx(expected, abs=1e-7)


def test_orthogonal_neurons_are_infinitely_pure_without_a_warning():
    found = measure(np.eye(4, dtype=np.float32))
    assert found["avg_abs_cos_sim"] == 0
    assert found["per_neuron_purity_mean"] == math.inf
    assert np.array_equal(neuron_scores(Head(np.eye(4), np.eye(4), 0.0)), np.zeros(4))


def test_tiny_and_huge_weights_keep_their_direction():
    projection = np.random.default_rng(2).normal(size=(6, 4))
    scaled = projection * np.array([1e-200, 1e200, 1.0, 1e-30])
    assert neuron_cosines(scaled) == pytest.approx(neuron_cosines(projection), abs=1e-12)


@pytest.mark.parametrize("width, printed", [(768, 0.0288), (512, 0.0353), (128, 0.0705)])
def test_random_baseline_is_what_gaussian_projections_have(width, printed):
    projection = np.random.default_rng(3).normal(size=(width, 400))
    assert round(random_baseline(width), 4) == printed
    measured = measure(projection)["avg_abs_cos_sim"]
    assert measured == pytest.approx(random_baseline(width) * (1 + 1 / (4 * width)), rel=0.01)


@pytest.mark.parametrize("width, dim", [(64, 24), (24, 40), (6, 12)])
def test_the_band_holds_95_percent_of_gaussian_projections(width, dim):
    generator = np.random.default_rng(width)
    means = [measure(generator.normal(size=(width, dim)))["avg_abs_cos_sim"] for _ in range(1000)]
    low, high = random_band(width, dim)
    assert np.mean([low <= mean <= high for mean in means]) == pytest.approx(0.95, abs=0.02)
    assert np.mean(means) == pytest.approx((low + high) / 2, abs=0.1 * (high - low))


def test_the_welch_bound_is_reached_by_the_best_of_frames():
    """Three neurons in a plane, 120 degrees apart, and the corners of a simplex."""
    angles = 2 * np.pi * np.arange(3) / 3
    plane = np.stack([np.cos(angles), np.sin(angles)])
    assert measure(plane)["max_abs_cos_sim"] == pytest.approx(welch_bound(2, 3))
    basis = np.linalg.svd(np.ones((1, 6)))[2][1:]
    assert measure(basis)["max_abs_cos_sim"] == pytest.approx(welch_bound(5, 6))
    assert welch_bound(6, 6) == welch_bound(7, 6) == 0


def test_ranks_run_from_one_direction_to_all():
    found = measure(np.eye(5, 4))
    assert found["effective_rank"] == pytest.approx(4)
    assert found["participation_ratio"] == pytest.approx(4)
    found = measure(np.array([[1.0, -2, 3], [2, -4, 6]]))
    assert found["effective_rank"] == pytest.approx(1, abs=1e-6)
    assert found["participation_ratio"] == pytest.approx(1)


@pytest.mark.parametrize("value, problem", [(0.0, "is zero"), (np.nan, "not finite")])
def test_a_neuron_without_direction_is_named(value, problem):
    projection = np.ones((4, 5))
    projection[:, 3] = value
    with pytest.raises(ValueError, match=f"neuron 3 .*{problem}"):
        measure(projection)


@pytest.mark.parametrize("shape", [(5,), (5, 1), (2, 3, 4), (0, 0)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="at least 2 neurons"):
        neuron_cosines(np.ones(shape))


def test_projections_of_different_dim_are_refused():
    with pytest.raises(ValueError, match="share dim"):
        neuron_scores(Head(np.eye(3), np.eye(4), 0.0))
