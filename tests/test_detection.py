"""The detector's scores against their definitions, written as loops."""

import numpy as np
import pytest

from lib.detection import BINS, EDGES, score_detector
from lib.zeroshot import pair_cosines


@pytest.fixture
def pairs():
    """Cosines of 400 pairs, 30% of them swapped, which have lower ones."""
    rng = np.random.default_rng(0)
    is_swapped = rng.random(400) < 0.3
    return rng.normal(0.3, 0.1, 400) - 0.12 * is_swapped, is_swapped


def test_cosines_are_those_of_image_and_shown_caption():
    rng = np.random.default_rng(1)
    images, texts = rng.normal(size=(2, 5, 3))
    shown = np.array([4, 0, 0, 3, 1])
    expected = [sum(images[i] * texts[shown[i]]) for i in range(5)]
    np.testing.assert_allclose(pair_cosines(images, texts, shown), expected)


def test_the_auc_is_the_share_of_swapped_pairs_below_aligned_ones(pairs):
    cosines, is_swapped = pairs
    wins = [
        1.0 if low < high else 0.5 if low == high else 0.0
        for low in cosines[is_swapped]
        for high in cosines[~is_swapped]
    ]
    assert score_detector(cosines, is_swapped, 0)["roc_auc"] == pytest.approx(np.mean(wins))


def test_the_average_precision_is_the_mean_over_swapped_pairs(pairs):
    cosines, is_swapped = pairs
    precisions = [
        np.mean(is_swapped[cosines <= cosine]) for cosine in cosines[is_swapped]
    ]  # of all pairs that are as suspect as this one
    found = score_detector(cosines, is_swapped, 0)
    assert found["average_precision"] == pytest.approx(np.mean(precisions))
    assert found["swapped_share"] == is_swapped.mean()


def test_a_detector_that_knows_nothing_is_at_chance():
    rng = np.random.default_rng(2)
    is_swapped = rng.random(20000) < 0.3
    found = score_detector(rng.normal(size=20000), is_swapped, 0)
    assert found["roc_auc"] == pytest.approx(0.5, abs=0.02)
    assert found["average_precision"] == pytest.approx(0.3, abs=0.02)
    assert found["brier_skill"] == pytest.approx(0, abs=0.005)
    assert found["calibration_error"] < 0.03


def test_a_detector_that_knows_all_is_perfect():
    is_swapped = np.arange(200) % 4 == 0
    found = score_detector(np.where(is_swapped, 0.1, 0.9), is_swapped, 0)
    assert (found["roc_auc"], found["average_precision"]) == (1, 1)
    assert found["brier_skill"] > 0.99


def test_calibration_is_worse_where_cosines_do_not_tell_linearly(pairs):
    """Where only middling cosines are those of swapped pairs, no logistic curve fits."""
    rng = np.random.default_rng(3)
    cosines = rng.uniform(-1, 1, 4000)
    folded = score_detector(cosines, np.abs(cosines) < 0.3, 0)["calibration_error"]
    assert folded > 0.2 > score_detector(*pairs, 0)["calibration_error"]


def test_histograms_and_bins_hold_every_pair(pairs):
    cosines, is_swapped = pairs
    found = score_detector(cosines, is_swapped, 0)
    for name, chosen in (("aligned", ~is_swapped), ("swapped", is_swapped)):
        assert len(found[name]) == len(EDGES) - 1
        assert sum(found[name]) == chosen.sum()
    assert len(found["predicted"]) == len(found["observed"]) == BINS
    assert found["predicted"] == sorted(found["predicted"])


def test_the_seed_decides_the_halves_alone(pairs):
    first, again, other = (score_detector(*pairs, seed) for seed in (0, 0, 1))
    assert first == again
    assert first["predicted"] != other["predicted"]
    assert first["roc_auc"] == other["roc_auc"]


@pytest.mark.parametrize("value", [True, False])
def test_one_kind_of_pairs_is_an_error(value):
    with pytest.raises(ValueError, match="of 4 pairs are swapped, expected a part"):
        score_detector(np.zeros(4), np.full(4, value), 0)
