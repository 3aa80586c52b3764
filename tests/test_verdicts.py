"""Whole studies judged, without an effect and with planted ones: how often verdicts are wrong."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.verdicts import (
    PLANTED,
    Effects,
    Size,
    format_rate,
    format_table,
    judge_studies,
    simulate_study,
)
from lib.claims import judge, judge_downstream, select_headlines
from lib.statistics import HOLDS, mean_effect, wilson_interval

SMALL = Size(images=60, orders=199, silhouette_orders=39)


@pytest.fixture(scope="module")
def null():
    return judge_studies(range(24), Effects(), SMALL)


def test_no_effect_is_rarely_told(null):
    """The rate's 95% interval holds 5% or lies below; that of uncorrected single claims, too."""
    false = (null["verdict"] != "cannot be told").groupby(null["study"]).any()
    assert wilson_interval(int(false.sum()), len(false)).low <= 0.05
    single = null["p"] <= 0.05
    assert wilson_interval(int(single.sum()), len(single)).low <= 0.05
    assert (null["p_holm"] >= null["p"]).all()
    assert null["p"].min() < 0.2, "tests that never tell anything"


def test_planted_effects_are_found():
    planted = judge_studies(range(2), PLANTED, Size())
    assert (planted["verdict"] == HOLDS).mean() > 0.7
    assert "does not hold" not in set(planted["verdict"])


def test_effects_of_the_other_sign_do_not_hold():
    turned = Effects(*(-value for value in PLANTED))
    (claims,) = [judge_studies([0], turned, SMALL)]
    assert (claims["verdict"] == "does not hold").mean() > 0.5
    assert HOLDS not in set(claims["verdict"])


def test_seeds_alone_would_be_wrong_about_images():
    """The simulation has what the tests are to withstand: a Cs that turns single images."""
    wrong = {"seeds": 0, "seeds and images": 0}
    for seed in range(24):
        study = simulate_study(np.random.default_rng(seed), Effects(), Size(60, 1, 1))
        cs = sorted(
            {head[1] for head in study["outcomes"]["clip", "shapes"] if head[1] is not None}
        )
        slopes = []
        for number in (0, 1, 2):
            heads = study["outcomes"]["clip", "shapes"]
            means = [heads["similar" if c else "none", c, number].silhouette.mean() for c in cs]
            slopes.append(np.polyfit(cs, means, 1)[0])
        wrong["seeds"] += mean_effect(np.array(slopes)).p <= 0.05
        rows = [row for row in judge_downstream(study["outcomes"]) if row["dataset"] == "shapes"]
        chosen = [row for row in rows if (row["model"], row["strategy"]) == ("clip", "similar")]
        wrong["seeds and images"] += chosen[1]["p"] <= 0.05
    assert wrong["seeds"] >= 4
    assert wrong["seeds and images"] <= 3


def test_the_same_seed_makes_the_same_study():
    size = Size(30, 5, 5)
    one, other = (judge(**simulate_study(np.random.default_rng(3), PLANTED, size)) for _ in "ab")
    pd.testing.assert_frame_equal(one, other)


def test_the_table_has_a_row_a_claim_and_one_for_studies(null):
    lines = format_table(null, null).splitlines()
    assert len(lines) == 4 + null["claim"].nunique() + 1
    assert lines[-1].startswith("| **any of the 18 claims of a study**")
    assert lines[0].startswith("Measured on 24 studies")
    assert format_rate(pd.Series([True, False])) == "50.0% [9.5, 90.5]"
    assert len(select_headlines(null)) == len(null)
