"""What no study of a size could tell, against the tests and the correction themselves."""

import copy

import numpy as np
import pytest
import yaml

import lib.statistics
from lib.power import LEVEL, list_untellable
from lib.statistics import contrast_effect, holm, order_effect, trend_effect, trend_p


@pytest.fixture
def config(root):
    return yaml.safe_load((root / "config.yaml").read_text())


def test_the_embedded_study_can_settle_its_claims(config):
    assert list_untellable(config) == []
    assert LEVEL == lib.statistics.LEVEL


@pytest.mark.parametrize("orders", [18, 19, 79, 80])
def test_few_orders_settle_nothing(config, orders):
    """Two claims of accuracy and two of silhouette, even if all of them were as clear as can be."""
    config["pruning"] |= {"orders": orders, "silhouette_orders": orders}
    del config["misalignment"]
    order = order_effect(1.0, np.zeros(2 * orders + 1), 0.0).p
    contrast = contrast_effect(np.array([1.0] + [0.0] * orders)).p
    can_be_told = (holm(np.array([order, contrast] * 2)) <= LEVEL).all()
    assert (list_untellable(config) == []) == can_be_told


@pytest.mark.parametrize(("values", "seeds"), [(1, 3), (2, 2), (2, 3), (2, 4), (3, 2), (4, 2)])
def test_few_values_of_cs_and_seeds_settle_nothing(config, values, seeds):
    """Slopes of both projections, accuracy and silhouette, of two strategies."""
    config["misalignment"]["cs"] = [0.1, 0.3, 0.5, 0.8][:values]
    config["seeds"] = list(range(seeds))
    del config["pruning"]
    y = np.tile(np.arange(values + 1.0), (seeds, 1)) * (1 + np.arange(seeds)[:, None] / 100)
    least = trend_p(y)
    assert trend_effect(np.arange(values + 1.0), y).p >= least
    can_be_told = (holm(np.full(8, least)) <= LEVEL).all()
    found = list_untellable(config)
    assert (found == []) == can_be_told
    if found:
        assert found[0].startswith("No outcome can settle whether |cos|, accuracy and silhouette")
        assert "8 claims are corrected together; one more value of misalignment.cs" in found[0]


def test_claims_of_a_larger_least_p_make_others_harder(config):
    """Orders that would do alone do not beside claims that need more of the level."""
    alone = copy.deepcopy(config)
    alone["pruning"] |= {"orders": 100, "silhouette_orders": 100}
    assert list_untellable(alone) == []
    both = copy.deepcopy(alone)
    both["seeds"] = [0]
    assert len(list_untellable(both)) == 3


def test_what_is_left_out_is_not_asked(config):
    for section in ("pruning", "misalignment"):
        del config[section]
    assert list_untellable(config) == []
