"""Verdicts on small tables whose effects are known, and the page that tells them."""

import base64
import io
import itertools
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from docutils.core import publish_string
from scipy import stats

from lib.claims import (
    CASES,
    HEADLINES,
    PRETRAINED,
    VERDICTS,
    PerImage,
    count_cases,
    judge,
    judge_comparison,
    judge_cosines,
    judge_downstream,
    judge_pruning,
    select_headlines,
)
from lib.claims_page import (
    escape,
    format_image,
    format_interval,
    format_number,
    format_p,
    format_page,
)
from lib.pruning_orders import OrderMeans
from lib.statistics import holm

HOLDS, DOES_NOT_HOLD, CANNOT_BE_TOLD = VERDICTS
CS = (0.0, 0.1, 0.3, 0.5, 0.8)
EFFECTS = pytest.mark.parametrize(
    ("effect", "expected"), [(1, HOLDS), (-1, DOES_NOT_HOLD), (0, CANNOT_BE_TOLD)]
)


# --- Tables with known effects --------------------------------------------------------------------


def make_outcomes(gains, images=300, models=("clip", "laclip")):
    """A first model, and others that are right on a share `gains[dataset]` more of the images.

    Beside that they gain and lose 1% of the images; silhouettes differ as accuracies do.
    """
    generator, outcomes = np.random.default_rng(0), {}
    for model, dataset in itertools.product(models, gains):
        if model == models[0]:
            correct = generator.permutation(images) % 2 == 0
            found = PerImage(correct, generator.normal(0.1, 0.2, images))
            outcomes[model, dataset] = {PRETRAINED: found}
            continue
        first, gain = outcomes[models[0], dataset][PRETRAINED], gains[dataset]
        correct = first.accuracy.copy()
        for value in (True, False):
            others = generator.permutation(np.flatnonzero(first.accuracy != value))
            share = 0.01 + max(gain if value else -gain, 0)
            correct[others[: round(share * images)]] = value
        noise = generator.normal(0, 0.05, images)
        silhouettes = first.silhouette + gain + noise - noise.mean()
        outcomes[model, dataset] = {PRETRAINED: PerImage(correct, silhouettes)}
    return outcomes


def make_pruning(effect, spread, orders=400, models=("clip",), datasets=("shapes",)):
    """What is kept if the purest order lies `effect` above the mean, the least pure below.

    Random orders spread evenly over +-`spread`, their reverses as far to the other side.
    """
    deviations = np.array([effect, *np.linspace(-spread, spread, orders)])
    means = 0.4 + np.stack([deviations, -deviations], axis=1)
    return dict.fromkeys(itertools.product(models, datasets), OrderMeans(means, means))


def make_curves(slope, columns, noise=0.005, seeds=(0, 1, 2), models=("clip",), **place):
    """Values on a line over Cs, each seed with a slope of its own; the pretrained level is absurd.

    Args:
        noise: the slopes of the seeds spread evenly over +-`noise`.
    """
    offsets = dict(zip(seeds, np.linspace(-noise, noise, len(seeds)), strict=True))
    rows = []
    for model in models:
        rows.append({"model": model, "strategy": "pretrained", "cs": None, "seed": None} | place)
        for seed, cs, strategy in itertools.product(seeds, CS, ("similar", "random")):
            if cs > 0 or strategy == "similar":
                name = strategy if cs else "none"
                row = {"model": model, "strategy": name, "cs": cs, "seed": seed} | place
                rows.append(row | dict.fromkeys(columns, 0.1 + (slope + offsets[seed]) * cs))
    return pd.DataFrame(rows).fillna(dict.fromkeys(columns, 99.0))


def make_cosines(slope, projections=("image", "text"), recipe="main", **settings):
    parts = [
        make_curves(slope, ["avg_abs_cos_sim"], projection=name, **settings) for name in projections
    ]
    return pd.concat(parts, ignore_index=True).assign(recipe=recipe)


def make_heads(slope, datasets=("shapes", "colours"), spread=0.0, **settings):
    """Outcomes of heads by image: on a line over Cs, the same for all images but for `spread`.

    Args:
        spread: of the slope over images, in standard deviations; their mean is as given.
    """
    outcomes = {}
    table = make_curves(slope, ["value"], **settings)
    table = table[table["strategy"] != "pretrained"]
    deviations = np.random.default_rng(0).normal(0, 1, 400)
    deviations = spread * (deviations - deviations.mean()) / deviations.std()
    for dataset, (model, rows) in itertools.product(datasets, table.groupby("model", sort=False)):
        outcomes[model, dataset] = {
            (row.strategy, row.cs, row.seed): PerImage(*[row.value + row.cs * deviations] * 2)
            for row in rows.itertuples()
        }
    return outcomes


def tell(row):
    """The verdict of a row whose family has no other member."""
    if not row["p"] <= 0.05:
        return CANNOT_BE_TOLD
    return HOLDS if row["effect"] * row["claimed_sign"] > 0 else DOES_NOT_HOLD


def find(rows, claim, **place):
    """The only row of a claim at a place; places that are not named are empty."""
    places = dict.fromkeys(("model", "dataset", "strategy", "projection"), "") | place
    found = [
        row
        for row in rows
        if claim in row["claim"] and all(row[key] == value for key, value in places.items())
    ]
    assert len(found) == 1
    return found[0]


# --- Experiment 1 ---------------------------------------------------------------------------------


@EFFECTS
@pytest.mark.parametrize(("claim", "scale"), [("accuracy", 100), ("silhouette", 1)])
def test_comparison(claim, scale, effect, expected):
    rows = judge_comparison(make_outcomes({"shapes": 0.1 * effect, "colours": 0.1 * effect}))
    for dataset in ("", "shapes", "colours"):
        row = find(rows, claim, model="laclip", dataset=dataset)
        assert row["effect"] == pytest.approx(0.1 * scale * effect, abs=1e-9)
        assert tell(row) == expected
        assert row["variation"] == "images"


def test_comparison_pairs_by_image():
    outcomes = make_outcomes({"shapes": 0.04})
    paired = find(judge_comparison(outcomes), "accuracy", model="laclip", dataset="shapes")
    shuffle = np.random.default_rng(1).permutation(300)
    model = outcomes["laclip", "shapes"][PRETRAINED]
    mixed = PerImage(*(values[shuffle] for values in model))
    shuffled = {("laclip", "shapes"): {PRETRAINED: mixed}}
    unpaired = find(
        judge_comparison(outcomes | shuffled), "accuracy", model="laclip", dataset="shapes"
    )
    assert paired["effect"] == pytest.approx(unpaired["effect"], abs=1e-9)
    assert paired["p"] < 0.01 and paired["low"] > 0
    assert unpaired["p"] > 0.05 and unpaired["low"] < 0


def test_comparison_weighs_datasets_equally_whatever_their_size():
    outcomes = make_outcomes({"small": 0.3}, images=100) | make_outcomes({"large": 0.1}, images=900)
    places = itertools.product(("clip", "laclip"), ("small", "large"))
    rows = judge_comparison({place: outcomes[place] for place in places})
    assert find(rows, "accuracy", model="laclip")["effect"] == pytest.approx(20)


def add_pretrainings(outcomes, accuracies):
    """More pretrainings by model: right on these shares of 300 images, silhouettes likewise."""
    generator = np.random.default_rng(2)
    for (model, dataset), shares in accuracies.items():
        for seed, share in enumerate(shares, start=1):
            correct = generator.permutation(300) < share * 300
            found = PerImage(correct, correct / 2)
            outcomes[model, dataset]["pretrained", None, seed] = found
    return outcomes


def test_pretrainings_vary_beside_images_where_there_are_three():
    """The oracle: Student's interval of the differences, wider by the images' own variance."""
    shares = {("clip", "shapes"): (0.5, 0.52), ("laclip", "shapes"): (0.66, 0.54)}
    outcomes = add_pretrainings(make_outcomes({"shapes": 0.1}), shares)
    row = find(judge_comparison(outcomes), "accuracy", model="laclip", dataset="shapes")
    assert row["variation"] == "pretraining seeds and images"
    differences = np.array([10, 16, 2])
    assert row["effect"] == pytest.approx(differences.mean())
    error = differences.std(ddof=1) / np.sqrt(3)
    narrow, wide = 1.96 * error, stats.t.ppf(0.975, 2) * error
    assert narrow < (row["high"] - row["low"]) / 2 < 1.1 * wide
    assert tell(row) == CANNOT_BE_TOLD
    images = find(judge_comparison(make_outcomes({"shapes": 0.1})), "accuracy", model="laclip")
    assert tell(images) == HOLDS


def test_pretrainings_of_one_model_alone_are_not_compared():
    shares = {("clip", "shapes"): (0.1, 0.2), ("laclip", "shapes"): (0.9,)}
    one = judge_comparison(add_pretrainings(make_outcomes({"shapes": 0.1}), shares))
    assert one == judge_comparison(make_outcomes({"shapes": 0.1}))


def test_one_model_is_compared_with_nothing():
    assert judge_comparison(make_outcomes({"shapes": 0.1}, models=("clip",))) == []


# --- Experiment 2 ---------------------------------------------------------------------------------

# the least pure order lies as far below the mean as the purest above: twice the effect
AGAINST = pytest.mark.parametrize(("other", "factor"), [("random ones", 1), ("least pure ones", 2)])


@EFFECTS
@AGAINST
def test_pruning(other, factor, effect, expected):
    rows = judge_pruning(make_pruning(0.1 * effect, spread=0.02))
    row = find(rows, f"keep more accuracy than {other}", model="clip")
    assert row["effect"] == pytest.approx(10 * factor * effect, abs=1e-9)
    assert tell(row) == expected
    assert row["variation"] == "neuron orders"


@AGAINST
def test_pruning_intervals_are_those_of_random_orders(other, factor):
    rows = [
        find(judge_pruning(make_pruning(0.1, spread)), f"keep more silhouette than {other}")
        for spread in (0.02, 0.04, 0.2)
    ]
    halves = [(row["high"] - row["low"]) / 2 for row in rows]
    # 95% of deviations that are spread evenly
    assert halves == pytest.approx([0.95 * factor * size for size in (0.02, 0.04, 0.2)], rel=0.02)
    assert [tell(row) for row in rows] == [HOLDS, HOLDS, CANNOT_BE_TOLD]


def test_pruning_orders_vary_together_over_datasets():
    """A number is one order on every dataset: where datasets disagree on it, the mean is calm."""
    agreeing = make_pruning(0.1, spread=0.1, datasets=("shapes", "colours"))
    means = agreeing["clip", "colours"].accuracy
    turned = np.concatenate([means[:1], means[:0:-1]])
    opposed = agreeing | {("clip", "colours"): OrderMeans(turned, turned)}
    claim = "accuracy than random ones"
    one = find(judge_pruning(agreeing), claim, model="clip", dataset="shapes")
    mean = find(judge_pruning(agreeing), claim, model="clip")
    calm = find(judge_pruning(opposed), claim, model="clip")
    assert mean["high"] - mean["low"] == pytest.approx(one["high"] - one["low"])
    assert calm["high"] - calm["low"] == pytest.approx(0, abs=1e-9)


@AGAINST
def test_pruning_against_few_random_orders_cannot_be_told(other, factor):
    row = find(judge_pruning(make_pruning(0.1, spread=0.02, orders=18)), f"accuracy than {other}")
    assert row["p"] > 0.05
    assert np.isnan(row["low"])


# --- Experiment 3 ---------------------------------------------------------------------------------


@EFFECTS
@pytest.mark.parametrize("model", ["", "clip"])
def test_cosines(effect, expected, model):
    rows = judge_cosines(make_cosines(0.05 * effect, models=("clip", "laclip")))
    place = {"model": model, "strategy": "random", "projection": "text"}
    slope = find(rows, "grows with Cs", **place)
    assert slope["effect"] == pytest.approx(0.05 * effect, abs=1e-9)
    change = find(rows, "is higher at Cs 0.8 than at 0", **place)
    assert change["effect"] == pytest.approx(40 * effect, abs=1e-9)
    assert tell(slope) == tell(change) == expected
    assert slope["variation"] == change["variation"] == "seeds"


@EFFECTS
@pytest.mark.parametrize(("model", "dataset"), [("", ""), ("clip", ""), ("clip", "shapes")])
def test_downstream_is_claimed_to_fall(effect, expected, model, dataset):
    place = {"model": model, "strategy": "similar", "dataset": dataset}
    row = find(judge_downstream(make_heads(-0.05 * effect)), "accuracy falls with Cs", **place)
    assert row["effect"] == pytest.approx(-5 * effect, abs=1e-9)
    assert tell(row) == expected


def test_strategies_are_judged_apart():
    table = make_cosines(0.05)
    table.loc[table["strategy"] == "random", "avg_abs_cos_sim"] = 0.1 - 0.05 * table["cs"]
    rows = judge_cosines(table)
    verdicts = {
        strategy: tell(find(rows, "grows", strategy=strategy, projection="image"))
        for strategy in ("similar", "random")
    }
    assert verdicts == {"similar": HOLDS, "random": DOES_NOT_HOLD}
    assert {row["strategy"] for row in rows} == set(verdicts)


def test_the_control_is_part_of_the_slope_and_the_pretrained_model_is_not():
    table, place = make_cosines(0.05), {"strategy": "similar", "projection": "image"}
    slope = find(judge_cosines(table), "grows", **place)
    assert tell(slope) == HOLDS
    assert find(judge_cosines(table[table["strategy"] != "pretrained"]), "grows", **place) == slope
    table.loc[table["strategy"] == "none", "avg_abs_cos_sim"] += 0.1
    raised = find(judge_cosines(table), "grows", **place)
    assert raised["effect"] == pytest.approx(0.05 + np.polyfit(CS, [0.1, 0, 0, 0, 0], 1)[0])


def test_a_single_seed_cannot_be_told():
    rows = judge_cosines(make_cosines(0.5, seeds=(0,)))
    rows += judge_downstream(make_heads(-0.5, seeds=(0,)))
    assert {tell(row) for row in rows} == {CANNOT_BE_TOLD}


def test_a_seed_that_lacks_a_cs_is_left_out():
    table = make_cosines(0.05, seeds=(0, 1, 2, 3))
    lacking = table[(table["seed"] != 3) | (table["cs"] != 0.8)]
    expected = judge_cosines(table[table["seed"] != 3])
    assert judge_cosines(lacking) == expected


def test_heads_of_a_seed_that_lacks_a_cs_are_left_out():
    whole, more = make_heads(0.05), make_heads(0.05, seeds=(0, 1, 2, 3))
    for place, heads in more.items():
        heads |= whole[place]
        del heads["similar", 0.8, 3]
    found = [row for row in judge_downstream(more) if row["strategy"] == "similar"]
    assert found == [row for row in judge_downstream(whole) if row["strategy"] == "similar"]


def test_images_vary_beside_seeds():
    """Where single images win or lose by Cs in all seeds, other images might tell else."""
    claim, place = "accuracy falls with Cs", {"strategy": "similar"}
    rows = [find(judge_downstream(make_heads(-0.05, spread=s)), claim, **place) for s in (0, 1)]
    assert [row["effect"] for row in rows] == pytest.approx([-5, -5])
    assert [tell(row) for row in rows] == [HOLDS, CANNOT_BE_TOLD]
    assert {row["variation"] for row in rows} == {"seeds and images"}
    # two datasets of 400 images each, and what few seeds add
    error = 100 / np.sqrt(2 * 400)
    assert (rows[1]["high"] - rows[1]["low"]) / 2 == pytest.approx(1.96 * error, rel=0.02)


# --- All claims -----------------------------------------------------------------------------------


def judge_all(models=("clip", "laclip"), datasets=("shapes", "colours"), **changed):
    """Claims and the table of recipes; every effect holds but for the tables that are given."""
    others = make_cosines(0, recipe="short", models=models).assign(lr=1e-4, epochs=3)
    outcomes = make_outcomes(dict.fromkeys(datasets, 0.1), models=models)
    tables = {
        "outcomes": outcomes,
        "orders": make_pruning(0.1, 0.02, models=models, datasets=datasets),
        "misalignment": make_cosines(0.05, models=models).drop(columns="recipe"),
        "sensitivity": pd.concat(
            [make_cosines(0.05, models=models).assign(lr=1e-3, epochs=10), others]
        ),
    }
    tables |= changed
    heads = make_heads(-0.05, datasets, models=models)
    tables["outcomes"] = {place: tables["outcomes"][place] | heads[place] for place in heads}
    return judge(**tables), tables["sensitivity"]


def test_headlines_are_the_means_of_the_main_recipe():
    claims, _ = judge_all()
    headlines = select_headlines(claims)
    # measures; measures and contrasts; (projections and claims, and measures) for each strategy
    assert headlines["experiment"].value_counts().to_dict() == {1: 2, 2: 4, 3: 2 * (4 + 2)}
    assert set(headlines["recipe"]) == {"main"}
    assert set(headlines["dataset"]) == {""}
    assert set(headlines.loc[headlines["experiment"] > 1, "model"]) == {""}
    assert set(headlines["verdict"]) == {HOLDS}
    assert not headlines.duplicated(["claim", "projection", "strategy"]).any()
    assert set(claims.loc[claims["published"] != "", "claim"]) <= set(headlines["claim"])


def test_cases_are_counted_by_verdict():
    models, datasets = ("clip", "laclip"), ("shapes", "colours")
    mixed = make_pruning(0.1, 0.02, models=models, datasets=datasets)
    claims, _ = judge_all(
        outcomes=make_outcomes({"shapes": 0.1, "colours": -0.1}),
        orders=mixed | make_pruning(-0.1, 0.02),
    )
    counts = {1: set(), 2: set(), 3: set()}
    for row in select_headlines(claims).to_dict("records"):
        found = count_cases(claims, row)
        assert tuple(found) == VERDICTS
        counts[row["experiment"]].add(tuple(found.values()))
    # datasets; models and datasets; models
    assert counts == {1: {(1, 1, 0)}, 2: {(3, 1, 0)}, 3: {(2, 0, 0)}}


def test_recipes_are_judged_apart():
    claims, _ = judge_all()
    short = claims[claims["recipe"] == "short"]
    assert set(short["verdict"]) == {CANNOT_BE_TOLD}
    assert short["scope"].str.endswith("recipe short").all()
    assert len(short) == claims["claim"].isin(short["claim"]).sum() / 2


def test_p_values_are_corrected_within_their_family():
    """The headlines together; the cases of a claim, of one recipe, strategy and projection, too."""
    claims, _ = judge_all(outcomes=make_outcomes({"shapes": 0.05, "colours": -0.01}))
    headlines = select_headlines(claims)
    assert set(headlines["family"]) == {HEADLINES}
    assert headlines["p_holm"].to_numpy() == pytest.approx(holm(headlines["p"].to_numpy()))
    cases = claims.drop(headlines.index)
    assert set(cases["family"]) == {CASES}
    sizes = []
    for key, rows in cases.groupby(["claim", "strategy", "projection", "recipe"]):
        sizes.append(len(rows))
        assert rows["p_holm"].to_numpy() == pytest.approx(holm(rows["p"].to_numpy())), key
    assert len(set(sizes)) > 1
    assert (claims["p_holm"] > claims["p"]).any()


def test_a_verdict_follows_from_the_corrected_p_and_the_interval():
    claims, _ = judge_all(outcomes=make_outcomes({"shapes": 0.1, "colours": -0.1}))
    for row in claims.to_dict("records"):
        bounds = sorted(row["claimed_sign"] * row[name] for name in ("low", "high"))
        expected = HOLDS if bounds[0] > 0 else DOES_NOT_HOLD if bounds[1] < 0 else CANNOT_BE_TOLD
        assert row["verdict"] == (expected if row["p_holm"] <= 0.05 else CANNOT_BE_TOLD), row
    assert set(claims["verdict"]) == set(VERDICTS)


# --- The page -------------------------------------------------------------------------------------

ODD_NAMES = (
    "<script>alert(1)</script>",
    "*x*",
    "`y`_",
    "|z|",
    "a_",
    r"\b",
    "http://x.y",
    ".. raw::",
)


class PageParser(HTMLParser):
    """Collects the tags of a page, its text, and its tables as rows of cells."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.tables, self.cell = set(), "", [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.tables[-1][-1].append(" ".join(self.cell.split()))

    def handle_data(self, data):
        self.text += data
        self.cell += data


def publish(text):
    """The body of the text as HTML; what docutils has to say about it is an error."""
    complaints = io.StringIO()
    settings = {"report_level": 1, "warning_stream": complaints, "stylesheet_path": ""}
    html = publish_string(text, writer="html5", settings_overrides=settings).decode()
    assert complaints.getvalue() == ""
    return PageParser(re.search(r"<body.*</body>", html, re.DOTALL)[0])


@pytest.mark.parametrize("is_drawn", [True, False])
def test_page_says_built_in_of_drawn_corpora_only(is_drawn):
    page = publish(format_page(*judge_all(), is_drawn))
    assert ("Built in:" in page.text) == is_drawn


def test_page_without_a_comparison_says_nothing_of_it():
    page = publish(format_page(*judge_all(models=("clip",)), True))
    assert "Built in:" not in page.text
    assert "bootstrap" not in page.text


def test_every_verdict_on_the_page_is_one_of_three():
    falling = make_cosines(-0.05, models=("clip", "laclip")).drop(columns="recipe")
    claims, sensitivity = judge_all(misalignment=falling)
    page = publish(format_page(claims, sensitivity, True))
    *headlines, grid = page.tables
    verdicts = [row[table[0].index("Verdict")] for table in headlines for row in table[1:]]
    assert verdicts == [
        f"{row['verdict']} in 1 of 2 recipes" if "cos" in row["claim"] else row["verdict"]
        for row in select_headlines(claims).to_dict("records")
    ]
    assert set(select_headlines(claims)["verdict"]) == {HOLDS, DOES_NOT_HOLD}
    for row in grid[1:]:
        is_main = row[0] == "lr 0.001, 10 epochs"
        expected = DOES_NOT_HOLD if is_main else CANNOT_BE_TOLD
        assert all(cell.startswith(expected) for cell in row[2:])


def test_names_are_shown_as_they_are():
    plain = publish(format_page(*judge_all(), True))
    page = publish(format_page(*judge_all(models=ODD_NAMES, datasets=ODD_NAMES[:2]), True))
    text = " ".join(page.text.split())
    assert f"accuracy exceeds that of {ODD_NAMES[0]}" in text
    for name in ODD_NAMES[1:]:
        assert f"{name}, mean over datasets" in text
        assert f"{name}, similar" in page.tables[-1][0]
    assert page.tags == plain.tags


def test_the_figure_is_held_by_the_page_whatever_its_size():
    image = np.random.default_rng(0).bytes(50_000)
    html = publish_string(format_image(image), writer="html5").decode()
    (address,) = re.findall(r'src="data:image/png;base64,([^"]*)"', html)
    assert base64.b64decode(address) == image
    assert publish(format_image(image)).tags >= {"img"}


@pytest.mark.parametrize("text", [*ODD_NAMES, "a\nb", "x  y ", "- item", "1. item", "ümlaut — ✓"])
def test_escaped_text_is_one_plain_paragraph(text):
    page = publish(escape(text))
    assert page.text.strip() == " ".join(text.split())
    assert page.tags == publish("plain").tags


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12.34, "+12.3"),
        (-0.01234, "-0.0123"),
        (0.0, "+0.00"),
        (1234.5, "+1234"),
        (0.09999, "+0.100"),
        (9.9999, "+10.0"),
        (-0.00001, "+0.0000"),
        (np.nan, "unknown"),
    ],
)
def test_numbers_have_three_digits_that_count(value, expected):
    assert format_number(value) == expected


def test_intervals_have_the_digits_of_their_estimate():
    assert format_interval(-1.0, 25.678, 12.34) == "[-1.0, +25.7]"
    assert format_interval(np.nan, np.nan, 1.0) == "(no interval)"


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.5, "0.50"), (0.0123, "0.012"), (0.00012, "0.0001"), (1.0, "1.0"), (3e-5, "<0.0001")],
)
def test_p_has_two_digits_that_count(p, expected):
    assert format_p(p) == expected
    assert format_p(np.nan) == "unknown"


def test_rounding_is_no_effect():
    """Seeds that agree but for the last bits of their means give a slope of 0, not a tiny one."""
    table = make_cosines(0.0, models=("clip",), noise=0.0)
    table["avg_abs_cos_sim"] = 0.7 + 1e-16 * np.arange(len(table))
    for row in judge_cosines(table):
        assert (row["effect"], row["p"]) == (0, 1)


# --- Studies that lack experiments ----------------------------------------------------------------


def test_a_study_of_models_alone_is_judged_on_their_comparison():
    outcomes = make_outcomes({"shapes": 0.1, "colours": 0.1})
    claims = judge(outcomes)
    assert set(claims["experiment"]) == {1}
    page = publish(format_page(claims, None, False))
    assert len(page.tables) == 1
    assert "Experiment 3" not in page.text


def test_models_are_held_against_their_own_baselines():
    models = ("old", "older", "new", "newer")
    outcomes = make_outcomes({"shapes": 0.1}, models=models)
    claims = judge(outcomes, baselines={"new": "old", "newer": "older"})
    headlines = select_headlines(claims)
    told = zip(headlines["model"], headlines["claim"], strict=True)
    assert {pair for pair in told if pair[1].startswith("accuracy")} == {
        ("new", "accuracy exceeds that of old"),
        ("newer", "accuracy exceeds that of older"),
    }


def test_one_model_alone_has_nothing_to_be_judged():
    claims = judge(make_outcomes({"shapes": 0.1}, models=("clip",)))
    assert claims.empty
    assert "no claim to judge" in publish(format_page(claims, None, False)).text
