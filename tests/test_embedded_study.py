"""The embedded study as `make run` left it: learned what it should, measured all that it should."""

import json
import math

import pytest

from lib.frames import read_frame
from tests.outputs import read_columns

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def tables(root):
    folder = root / "results/tables"
    if not (folder / "claims.csv").exists():
        pytest.skip("the embedded study has not been run: `make run`")
    return {path.stem: read_frame(path) for path in folder.glob("*.csv")}


def test_tables_have_the_columns_that_are_described(tables):
    described = read_columns()
    assert {name: list(table.columns) for name, table in tables.items()} == {
        name: described[name] for name in tables
    }


def test_laclip_is_at_least_three_times_as_good_as_chance_on_every_task(tables):
    table = tables["clip_vs_laclip"].set_index(["model", "dataset"]).loc["laclip"]
    assert len(table) == 6
    assert (table["accuracy"] >= 3 / table["n_classes"]).all()


def test_the_swaps_reach_their_rates(tables):
    table = tables["captions"]
    assert set(table["seed"]) == {0, 1, 2}
    assert set(table["strategy"]) == {"similar", "random"}
    assert table["effective_cs"].to_numpy() == pytest.approx(table["cs"].to_numpy(), abs=1e-3)


def test_pruning_has_every_order_and_every_number_of_neurons(tables):
    counts = tables["pruning"].groupby(["model", "dataset", "strategy"]).size().unstack()
    assert len(counts) == 2 * 6
    assert (counts["full"] == 1).all()
    assert (counts["random"] >= 10 * counts["high_purity"]).all()
    assert (counts["high_purity"] == counts["low_purity"]).all()


def test_pretrained_model_and_control_stand_beside_every_cs(tables):
    table = tables["misalignment"]
    for _, rows in table.groupby(["model", "projection"]):
        counts = rows["strategy"].value_counts()
        assert counts.to_dict() == {"pretrained": 1, "none": 3, "similar": 12, "random": 12}


def test_every_head_is_looked_at_in_every_way(tables):
    table = tables["downstream"]
    counts = table.groupby(["model", "method", "metric"]).size()
    assert len(counts) == 2 * (3 * 2 + 2 * 3)
    assert set(counts) == {1 + 3 * (1 + 2 * 4)}
    assert table["value"].between(0, 1).all()
    pretrained = table[(table["strategy"] == "pretrained") & (table["model"] == "laclip")]
    assert (pretrained["value"] > 3 * pretrained["chance"]).all()


def test_every_verdict_follows_from_its_interval_and_its_corrected_p(tables):
    claims = tables["claims"]
    assert set(claims["experiment"]) == {1, 2, 3}
    for row in claims.to_dict("records"):
        low, high = sorted(row["claimed_sign"] * row[bound] for bound in ("low", "high"))
        assert not math.isnan(low), row
        assert row["p"] <= row["p_holm"], row
        expected = "holds" if low > 0 else "does not hold" if high <= 0 else "cannot be told"
        assert row["verdict"] == (expected if row["p_holm"] <= 0.05 else "cannot be told"), row


def test_the_page_is_light_and_has_every_neuron(root):
    path = root / "results/page.html"
    if not path.exists():
        pytest.skip("the embedded study has not been run: `make run`")
    assert path.stat().st_size < 8_000_000
    neurons = json.loads((root / "results/page/neurons.json").read_text())
    assert {len(model["neurons"]) for model in neurons["models"].values()} == {128}
    assert len(neurons["sources"]) == 6 + 1
