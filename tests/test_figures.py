"""Figures from small and from full tables: what is drawn, where it lies, and the bytes saved."""

import itertools
from collections import Counter
from dataclasses import dataclass, replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image
from sklearn.decomposition import PCA

from lib import figure_ranking
from lib.detection import score_detector
from lib.figure_accuracy import draw_accuracy
from lib.figure_claims import VERDICT_STYLES, draw_claims, list_own_effects, name_claim
from lib.figure_comparison import draw_comparison
from lib.figure_detection import draw_detection, observed_intervals
from lib.figure_downstream import METHODS, RETRIEVALS, draw_downstream
from lib.figure_embeddings import (
    COLOUR_WORDS,
    LOOKS,
    Embedded,
    choose_looks,
    draw_embeddings,
    principal_components,
)
from lib.figure_gallery import Scene, choose_rows, draw_gallery
from lib.figure_histograms import LabelledHead, draw_histograms
from lib.figure_layers import draw_layers
from lib.figure_projections import (
    choose_styles,
    draw_projection_histograms,
    draw_projection_means,
    name_label,
)
from lib.figure_pruning import draw_pruning
from lib.figure_purity import draw_purity
from lib.figure_ranking import draw_ranking
from lib.figure_remedies import draw_remedies
from lib.figure_sensitivity import draw_sensitivity
from lib.figure_simulation import PANELS, draw_simulation
from lib.figure_training import draw_training
from lib.figures import BLACK, INK, list_shades, model_styles, save_figure
from lib.heads import Head
from lib.purity import neuron_cosines
from lib.statistics import wilson_interval

PROJECTIONS = ("image", "text")
BASELINES = {"image": 0.07, "text": 0.2}
BAND = 0.01


@dataclass
class Study:
    """Made-up results of a study of some size, and its figures, by name."""

    models: list
    datasets: list
    strategies: list
    cs: list
    seeds: list
    recipes: list

    def draw(self, name):
        """The figure of that name; the same one at each call."""
        self.random = np.random.default_rng(0)
        return getattr(self, name)()

    def comparison(self):
        rows = []
        for model, dataset in itertools.product(self.models, self.datasets):
            share = self.random.uniform(0.1, 0.9)
            measures = {"accuracy": share, "accuracy_low": share - 0.02, "n_classes": 10}
            measures |= {"accuracy_high": share + 0.02, "silhouette": share / 4 - 0.05}
            measures |= {"silhouette_low": share / 4 - 0.06, "silhouette_high": share / 4 - 0.04}
            is_published = model == "rewritten"
            measures |= {"published_accuracy": share + 0.05 if is_published else None}
            measures |= {"published_silhouette": share / 4 if is_published else None}
            rows.append({"model": model, "dataset": dataset} | measures)
        return draw_comparison(pd.DataFrame(rows), self.downstream())

    def pruning(self):
        draws = 5 if len(self.seeds) > 1 else 1
        orders = [("high_purity", 0), ("low_purity", 0), *(("random", i) for i in range(draws))]
        rows = [[model, "full", 128, 0, 0.9, 0.3] for model in self.models]
        for model, kept, order in itertools.product(self.models, range(16, 128, 8), orders):
            noise = self.random.uniform(-0.1, 0.1)
            rows.append([model, *order, kept, 0.6 + kept / 500 + noise, kept / 500 + noise])
        columns = ["model", "strategy", "draw", "kept", "accuracy", "silhouette"]
        table = pd.DataFrame(rows, columns=columns)
        dataset, control = self.datasets[0], self.downstream()
        chosen = control[control["dataset"] == dataset]
        return draw_pruning(table.assign(dataset=dataset), 10, chosen)

    def heads(self):
        """Model, strategy, Cs and seed of every head of the study."""
        for model in self.models:
            yield model, "pretrained", None, None
            for seed in self.seeds:
                yield model, "none", 0.0, seed
                for strategy, cs in itertools.product(self.strategies, self.cs):
                    yield model, strategy, cs, seed

    def curves(self, column, places):
        """A row for each head and place, and values that rise with Cs."""
        rows = [(*head, place) for head, place in itertools.product(self.heads(), places)]
        table = pd.DataFrame(rows, columns=["model", "strategy", "cs", "seed", column])
        rising = 0.2 + 0.1 * table["cs"].astype(float).fillna(0)
        return table, rising + self.random.normal(0, 0.01, len(table))

    def misalignment(self):
        table, values = self.curves("projection", PROJECTIONS)
        baselines = table["projection"].map(BASELINES)
        band = {"random_low": baselines - BAND, "random_high": baselines + BAND}
        return table.assign(avg_abs_cos_sim=values, random_baseline=baselines, **band)

    def purity(self):
        return draw_purity(self.misalignment())

    def downstream(self):
        table, values = self.curves("dataset", self.datasets)
        return table.assign(accuracy=values, silhouette=values - 0.3, n_classes=10)

    def probes(self):
        """One dataset has training images."""
        kinds = ((d, m, "mean_per_class_recall") for d in self.datasets[:1] for m in METHODS)
        kinds = [
            *kinds,
            *itertools.product(["held_out"], RETRIEVALS, ("recall@1", "recall@5", "recall@10")),
        ]
        table, values = self.curves("kind", kinds)
        table[["dataset", "method", "metric"]] = table.pop("kind").to_list()
        return draw_downstream(table.assign(value=values, chance=0.1))

    def accuracy(self):
        return draw_accuracy(self.downstream())

    def claims(self):
        rows = []
        for unit, strategy in itertools.product(("points", "silhouette"), self.strategies):
            for model, verdict in itertools.product(self.models, VERDICT_STYLES):
                effect = self.random.uniform(-1, 1)
                row = {"experiment": 1, "claim": "accuracy exceeds", "model": model}
                row |= {"strategy": strategy, "projection": "", "unit": unit, "effect": effect}
                row |= {"low": effect - 0.1, "high": effect + 0.1, "verdict": verdict}
                row |= {"published_effect": None, "published_other": None, "claimed_sign": 1}
                row |= {"dataset": "", "recipe": "main"}
                rows.append(row)
        rows[0] |= {"published_effect": 2.0, "published_other": 1.5}
        rows[-1] |= {"low": np.nan, "high": np.nan}
        table = pd.DataFrame(rows)
        return draw_claims(table, table)

    def sensitivity(self):
        parts = []
        for number, recipe in enumerate(self.recipes):
            table = self.misalignment().assign(recipe=recipe, lr=10.0 ** -(number + 2), epochs=10)
            parts.append(table[table["strategy"] != "pretrained"])
        return draw_sensitivity(pd.concat(parts), self.misalignment())

    def detection(self):
        scores = {}
        for model, strategy, cs, seed in self.heads():
            if strategy in self.strategies:
                is_swapped = np.arange(200) < 200 * cs
                cosines = self.random.normal(0.4 - 0.2 * is_swapped, 0.1)
                score = score_detector(cosines, is_swapped, seed)
                swap = {"strategy": strategy, "cs": cs, "seed": seed}
                scores.setdefault(model, []).append(swap | score)
        return draw_detection(scores)

    def training(self):
        """Of the first model."""
        raw = self.misalignment()
        table = pd.concat([raw.assign(epoch=epoch) for epoch in range(4)])
        is_start = table["epoch"] == 0
        kept = (table["model"] == self.models[0]) & (
            is_start == (table["strategy"] == "pretrained")
        )
        return draw_training(table[kept])

    def layers(self):
        rows = [
            {"model": model, "tower": tower, "block": block, "kind": kind}
            for model, tower in itertools.product(self.models, PROJECTIONS)
            for block, kind in [
                (1, "attention"),
                (1, "mlp"),
                (2, "attention"),
                (2, "mlp"),
                (None, "projection"),
            ]
            if tower == "text" or block is None  # a convolutional image tower
        ]
        values = self.random.uniform(0.1, 0.3, len(rows))
        return draw_layers(
            pd.DataFrame(rows).assign(
                avg_abs_cos_sim=values, random_baseline=0.1, random_low=0.09, random_high=0.11
            )
        )

    def remedies(self):
        """Of the first model."""
        chosen = [self.misalignment(), self.downstream()]
        raw, raw_accuracy = (table[table["model"] == self.models[0]] for table in chosen)
        swapped = [table[table["cs"] > 0] for table in (raw, raw_accuracy)]
        remedied, remedied_accuracy = (
            pd.concat([table.assign(remedy=remedy) for remedy in ("filtered", "dropped12.5")])
            for table in swapped
        )
        return draw_remedies(raw, raw_accuracy, remedied, remedied_accuracy)

    def histograms(self):
        heads = (head for head in self.heads() if head[0] == self.models[0])
        return draw_histograms(
            [
                LabelledHead(strategy, cs, Head(*self.random.normal(size=(2, 40, 24)), 0.0))
                for _, strategy, cs, seed in heads
                if seed in (None, self.seeds[0])
            ]
        )

    def projection_means(self):
        rows = []
        for projection, label in itertools.product(PROJECTIONS, self.models):
            mean = self.random.uniform(0.1, 0.3)
            row = {"label": label, "projection": projection, "avg_abs_cos_sim": mean}
            row |= {"avg_abs_cos_sim_low": mean - 0.01, "avg_abs_cos_sim_high": mean + 0.01}
            level = BASELINES[projection]
            row |= {"random_low": level - BAND, "random_high": level + BAND}
            rows.append(row | {"random_baseline": level})
        return draw_projection_means(rows)

    def projection_histograms(self):
        return draw_projection_histograms(
            {
                (label, projection): (
                    np.abs(neuron_cosines(self.random.normal(size=(40, 24)))),
                    40,
                )
                for label, projection in itertools.product(self.models, PROJECTIONS)
            }
        )

    def embeddings(self):
        classes = [*self.datasets, "another class"]
        labels = np.arange(90) % len(classes)
        rows = self.random.normal(size=(len(self.models), 90, 8)) + 2 * np.eye(8)[labels]
        models = [Embedded(model, each) for model, each in zip(self.models, rows, strict=True)]
        return draw_embeddings(models, labels, classes)

    def runs(self):
        """A table of simulation.csv: purity falls and mean |cos| rises with p on raw captions."""
        places = [(p, data) for p in self.shares for data in ("raw", "filtered")]
        rows = [(*place, seed) for place in [*places, (None, "untrained")] for seed in self.seeds]
        table = pd.DataFrame(rows, columns=["p", "data", "seed"])
        harm = table["p"].astype(float).where(table["data"] == "raw", 0).fillna(1)
        harm += self.random.uniform(0.01, 0.02, len(table))
        falling = {name: 1 - harm / 2 for name in PANELS if name != "mean_abs_cos"}
        return table.assign(**falling, mean_abs_cos=0.04 + 0.03 * harm, random_baseline=0.08)

    @property
    def shares(self):
        """Values of p, one more than of Cs."""
        return [0.0, *self.cs]

    def simulation(self):
        table, purities = self.runs(), {}
        for data in ("raw", "filtered"):
            purities[data] = self.random.uniform(0.5, 1, (len(self.shares), len(self.seeds), 20))
        purities["untrained"] = self.random.uniform(0, 0.5, (len(self.seeds), 20))
        return draw_simulation(table, purities, self.shares, 50)

    def ranking(self):
        correlation = {"estimate": -0.9, "low": -1.0, "high": -0.5}
        scopes = ["raw, across p", "raw, within p", "raw and filtered, across p"]
        return draw_ranking(self.runs(), pd.DataFrame([{"scope": s} | correlation for s in scopes]))

    def gallery(self):
        image = Image.fromarray(self.random.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        captions = [f"a white {name} on a dotted background, drawn twice" for name in self.datasets]
        rewrites = captions if len(self.seeds) > 1 else [None] * len(captions)
        scenes = zip(captions, rewrites, captions[1:] + captions[:1], strict=True)
        return draw_gallery([Scene(image, *texts) for texts in scenes])


NAMES = (
    "accuracy",
    "claims",
    "comparison",
    "detection",
    "embeddings",
    "gallery",
    "histograms",
    "layers",
    "probes",
    "projection_histograms",
    "projection_means",
    "pruning",
    "purity",
    "remedies",
    "sensitivity",
    "training",
)
NAMELESS = ("ranking", "simulation")  # no name of a model or dataset stands in these
MINIMAL = Study(["clip"], ["digits"], ["similar"], [0.3], [0], ["main"])
FULL = Study(
    ["clip", "laclip"],
    ["digits", "shapes", "glyphs", "colours", "backgrounds", "colour_glyphs"],
    ["similar", "random", "unrelated"],
    [0.1, 0.3, 0.5, 0.8],
    [0, 1, 2],
    ["main", "short", "slow", "short_slow"],
)
TWO_STRATEGIES = replace(FULL, strategies=["similar", "random"])
MORE_MODELS = replace(FULL, models=["clip", "laclip", "rewritten"])
ODD = Study(["_a$b$"], ["c_d$e_f$", r"$\frac$", "<i>g</i>"], ["$h"], [0.3], [0, 1], ["main"])

SIZES = {
    "minimal": MINIMAL,
    "two_strategies": TWO_STRATEGIES,
    "full": FULL,
    "more_models": MORE_MODELS,
}
every_figure = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module", params=itertools.product(SIZES, (*NAMES, *NAMELESS)), ids="-".join)
def figure(request):
    """Each figure of studies of several sizes."""
    size, name = request.param
    return SIZES[size].draw(name)


def render(figure):
    """Draw a figure on a canvas; the texts that were drawn, each once."""
    texts, draw_text = {}, Text.draw

    def draw(text, renderer):
        if text.get_visible() and text.get_text():
            texts[id(text)] = text
        return draw_text(text, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        FigureCanvasAgg(figure).draw()
    return list(texts.values())


def find_boxes(figure):
    """Each text of a figure, and where it lies once that is drawn."""
    texts, renderer = render(figure), figure.canvas.get_renderer()
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts]


@pytest.fixture(scope="module")
def boxes(figure):
    """Those of each figure, which is drawn then."""
    return find_boxes(figure)


def list_overlaps(boxes, tolerance=1.0):
    """Pairs of texts that overlap in both directions by more than some points."""
    half = tolerance / 2 * matplotlib.rcParams["figure.dpi"] / 72
    cores = [(words, box.padded(-half)) for words, box in boxes]
    pairs = itertools.combinations(cores, 2)
    return [(one, other) for (one, a), (other, b) in pairs if a.overlaps(b)]


def visible_axes(figure):
    shown = [axes for axes in figure.axes if axes.get_visible()]
    return [axes for axes in shown if axes.get_label() != "<colorbar>"]


# --- All figures ----------------------------------------------------------------------------------


def test_all_panels_have_content(figure):
    assert visible_axes(figure)
    assert all(axes.has_data() for axes in visible_axes(figure))


def test_numbers_on_axes_have_a_name(figure):
    for axes in visible_axes(figure):
        if axes.axison and axes.xaxis.get_tick_params()["labelbottom"]:
            assert axes.get_xlabel() or axes.figure.get_supxlabel()
        if axes.axison and axes.get_subplotspec().is_first_col():
            ticks = [label.get_text() for label in axes.get_yticklabels()]
            names = {*FULL.datasets, *MORE_MODELS.models}
            names |= {f"accuracy exceeds ({model})" for model in MORE_MODELS.models}
            assert axes.get_ylabel() or set(ticks) <= names


def test_texts_lie_on_the_page_and_legends_beside_the_panels(figure, boxes):
    page, renderer = figure.bbox.padded(0.5), figure.canvas.get_renderer()
    for words, box in boxes:
        assert page.contains(*box.min) and page.contains(*box.max), words
    for legend, axes in itertools.product(figure.legends, visible_axes(figure)):
        box = legend.get_window_extent(renderer)
        assert not box.overlaps(axes.get_tightbbox(renderer)), axes.get_title()


def test_texts_do_not_overlap(boxes):
    """Numbers, names and titles of all panels, legends and notes."""
    assert list_overlaps(boxes) == []


def test_panels_hold_their_markers_whole(figure, boxes):
    for axes in visible_axes(figure):
        for line in axes.lines:
            if line.get_clip_on() and line.get_marker() not in ("", "None"):
                panel = axes.bbox.padded(-line.get_markersize() / 2 * figure.dpi / 72)
                points = line.get_transform().transform(line.get_xydata())
                for point in points[np.isfinite(points).all(axis=1)]:
                    assert panel.contains(*point)


@every_figure
def test_names_and_captions_are_shown_literally(name):
    texts = [text for text in render(ODD.draw(name)) if set("$_<") & set(text.get_text())]
    assert texts
    assert not any(text.get_parse_math() for text in texts)
    shown = " ".join(text.get_text() for text in texts)
    expected = {
        "histograms": ["$h"],
        "gallery": ODD.datasets,
        "claims": ODD.models,
        "comparison": [*ODD.models, *ODD.datasets],
        "accuracy": [*ODD.models, *ODD.datasets, "$h"],
        "embeddings": [*ODD.models, *ODD.datasets],
        "pruning": ODD.models,
        "remedies": ["$h"],
        "probes": [*ODD.models, ODD.datasets[0], "$h"],
        "training": ["$h"],
        "layers": ODD.models,
        "projection_means": ODD.models,
        "projection_histograms": ODD.models,
    }
    assert all(words in shown for words in expected.get(name, [*ODD.models, "$h"]))


@every_figure
def test_same_results_same_bytes_whatever_the_users_settings(tmp_path, name):
    save_figure(ODD.draw(name), tmp_path / "1.png", tmp_path / "1.pdf")
    with matplotlib.rc_context({"font.size": 20, "xtick.color": "red", "text.usetex": True}):
        before = matplotlib.rcParams.copy()
        save_figure(ODD.draw(name), tmp_path / "2.png", tmp_path / "2.pdf")
        assert matplotlib.rcParams == before
    for form in ("png", "pdf"):
        assert (tmp_path / f"1.{form}").read_bytes() == (tmp_path / f"2.{form}").read_bytes()


# --- Single figures -------------------------------------------------------------------------------


def get_colour(line):
    return to_hex(line.get_color()).upper()


def test_purity_shows_means_pretrained_levels_and_the_random_baseline():
    figure = FULL.draw("purity")
    FULL.random = np.random.default_rng(0)
    table, styles = FULL.misalignment(), model_styles(FULL.models)
    places = itertools.product(PROJECTIONS, FULL.strategies)
    for axes, (projection, strategy) in zip(figure.axes, places, strict=True):
        through = axes.get_yaxis_transform()  # of lines that run through the whole panel
        levels = {
            (line.get_ydata()[0], get_colour(line))
            for line in axes.lines
            if line.get_transform() == through
        }
        expected = {(BASELINES[projection], BLACK)}
        for model, style in styles.items():
            rows = table[(table["projection"] == projection) & (table["model"] == model)]
            values = rows.set_index("strategy")["avg_abs_cos_sim"]
            expected.add((values["pretrained"], style.colour))
            curve = next(line for line in axes.lines if get_colour(line) == style.colour)
            means = rows[rows["strategy"].isin(["none", strategy])].groupby("cs")
            assert curve.get_ydata() == pytest.approx(means["avg_abs_cos_sim"].mean().to_numpy())
        assert levels == expected


def test_a_single_seed_has_no_bars():
    assert all(axes.containers for axes in FULL.draw("purity").axes)
    assert not any(axes.containers for axes in MINIMAL.draw("purity").axes)


def test_pruning_without_rows_is_an_error():
    with pytest.raises(ValueError, match="no pruning sweeps"):
        draw_pruning(pd.DataFrame(columns=["model"]), 10)


def test_embeddings_show_as_many_of_each_class():
    """Also where labels go round, which a regular choice of rows would fall in step with."""
    labels = np.arange(2000) % 10
    rows = np.random.default_rng(0).normal(size=(2000, 4))
    figure = draw_embeddings([Embedded("clip", rows)], labels, [str(n) for n in range(10)])
    counts = Counter()
    for points in figure.axes[0].collections:
        counts[tuple(points.get_facecolor()[0])] += len(points.get_offsets())
    assert set(counts.values()) == {125}
    assert len(counts) == 8


def test_classes_named_after_colours_have_them():
    looks = choose_looks(["red 00", "a bored greenhouse", "Dark RED star", "white heart"])
    red, other = COLOUR_WORDS["red"], LOOKS[1][0]
    assert [look.colour for look in looks] == [red, other, red, "#FFFFFF"]
    assert len({look.marker for look in looks}) == 4
    assert [look.edge for look in looks] == ["none", "none", "none", INK]  # white on white


def test_principal_components_are_those_of_scikit_learn():
    rows = np.random.default_rng(0).normal(size=(50, 6)) * [5, 1, 3, 1, 2, 1]
    points, shares = principal_components(rows)
    pca = PCA(2).fit(rows)
    # the sign is free there; here the largest loading is positive
    signs = [np.sign(axis[np.abs(axis).argmax()]) for axis in pca.components_]
    assert points == pytest.approx(pca.transform(rows) * signs, abs=1e-9)
    assert shares == pytest.approx(pca.explained_variance_ratio_)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([0, 1, 0, 1, 1, 0, 0], [1, 3, 0, 2]),  # half and half
        ([0, 0, 0, 1, 0, 0], [3, 0, 1, 2]),  # few that changed
        ([1, 1, 1, 0, 1, 1], [0, 1, 2, 3]),  # few that did not
        ([0, 1], [1, 0]),
    ],
)
def test_gallery_shows_captions_that_changed_first(changed, expected):
    assert choose_rows(np.array(changed, bool), count=4) == expected


def test_published_values_are_open_markers_beside_the_measured_ones():
    accuracy = MORE_MODELS.draw("comparison").axes[0]
    open_markers = [
        line
        for line in accuracy.lines
        if line.get_markerfacecolor() == "white" and line.get_xdata().any()
    ]
    shown = [line for line in open_markers if np.isfinite(line.get_xdata().astype(float)).any()]
    assert [len(line.get_xdata()) for line in shown] == [len(FULL.datasets)]
    labels = [text.get_text() for text in accuracy.figure.legends[0].get_texts()]
    assert "published" in labels
    plain = FULL.draw("comparison").legends[0].get_texts()
    assert "published" not in [text.get_text() for text in plain]


def find_levels(axes):
    """Values of the lines that run through a whole panel."""
    through = axes.get_yaxis_transform()
    return [line.get_ydata()[0] for line in axes.lines if line.get_transform() == through]


def find_bands(axes):
    """Lower and upper ends of the bands that run through a whole panel."""
    through = axes.get_yaxis_transform()
    boxes = [patch for patch in axes.patches if patch.get_transform().contains_branch(through)]
    return [(box.get_y(), box.get_y() + box.get_height()) for box in boxes]


@pytest.mark.parametrize("name", ["purity", "sensitivity"])
def test_figures_of_cosines_show_the_band_of_random_projections(name):
    for axes in FULL.draw(name).axes:
        (band,) = find_bands(axes)
        assert (sum(band) / 2, band[1] - band[0]) in [
            (pytest.approx(level), pytest.approx(2 * BAND)) for level in BASELINES.values()
        ]
        assert sum(band) / 2 in [pytest.approx(level) for level in find_levels(axes)]
        assert len(find_levels(axes)) == 1 + len(FULL.models)  # and pretrained


@pytest.mark.parametrize("name", ["accuracy", "pruning"])
def test_figures_of_accuracy_show_chance(name):
    panels = [axes for axes in FULL.draw(name).axes if "accuracy" in axes.get_ylabel()]
    assert panels
    assert all(10 in find_levels(axes) for axes in panels)


def test_bars_of_accuracy_end_where_accuracies_do():
    table = FULL.draw("accuracy") and FULL.downstream()
    table["accuracy"] = np.where(table["seed"] == 1, 1.0, 0.6)
    for axes in draw_accuracy(table).axes:
        segments = [part for bars in axes.collections for part in bars.get_segments()]
        if "accuracy" in axes.get_ylabel():
            ends = np.array([part[:, 1] for part in segments])
            assert ends.max() == 100
            assert ends.min() >= 0


@pytest.mark.parametrize("pairs", [200, 207])
def test_calibration_has_the_intervals_of_its_bins(pairs):
    is_swapped = np.arange(pairs) < 0.4 * pairs
    cosines = np.random.default_rng(0).normal(0.4 - 0.2 * is_swapped, 0.1)
    score = score_detector(cosines, is_swapped, 0)
    estimates, low, high = observed_intervals(score).T
    assert estimates == pytest.approx(score["observed"])  # so counts are whole numbers
    assert ((low < estimates) | (estimates == 0)).all()
    assert ((high > estimates) | (estimates == 1)).all()
    expected = wilson_interval(round(estimates[0] * -(-pairs // 20)), -(-pairs // 20))
    assert (low[0], high[0]) == (expected.low, expected.high)


def test_histograms_of_a_model_share_their_axis():
    panels = TWO_STRATEGIES.draw("detection").axes[:4]
    for left, right in (panels[:2], panels[2:]):
        assert left.get_ylim() == right.get_ylim()
        assert not right.yaxis.get_tick_params()["labelleft"]
    assert [axes.texts[0].get_text().split("\n")[0] for axes in panels[::2]] == FULL.models


def make_layers(places):
    """A table of layers.csv of one model: a row for each tower, block and kind."""
    table = pd.DataFrame(places, columns=["tower", "block", "kind"])
    level = {"random_baseline": 0.1, "random_low": 0.09, "random_high": 0.11}
    return table.assign(model="clip", avg_abs_cos_sim=0.2, **level)


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([], {"clip": "None", "projection": "None"}),
        ([1], {"clip": "None", "output of the MLP": "None", "projection": "None"}),
        ([1, 2], {"clip": "None", "output of the MLP": "--", "projection": "None"}),
    ],
)
def test_the_legend_of_layers_names_what_there_is(blocks, expected):
    """Kinds that do not occur have no entry, and single blocks no line."""
    places = [("text", block, "mlp") for block in blocks]
    places += [(tower, None, "projection") for tower in ("text", "image")]
    figure = draw_layers(make_layers(places))
    assert [axes.get_title() for axes in figure.axes] == ["image tower", "text tower"]
    handles = figure.legends[0].legend_handles[:-1]  # the last is the band of random neurons
    assert {handle.get_label(): handle.get_linestyle() for handle in handles} == expected
    assert handles[-1].get_fillstyle() == "left"


@pytest.mark.parametrize(("purest", "scale"), [(0.999, "log"), (1.0, "linear")])
def test_a_perfectly_pure_run_has_its_place(purest, scale):
    study = replace(FULL)
    study.random = np.random.default_rng(0)
    table = study.runs()
    table.loc[0, "true_purity"] = purest
    scopes = [scope for _, chosen in figure_ranking.PANELS.values() for scope in chosen]
    row = {"estimate": -0.9, "low": -1.0, "high": -0.5}
    figure = draw_ranking(table, pd.DataFrame([{"scope": scope} | row for scope in scopes]))
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    points = np.concatenate([part.get_offsets()[:, 1] for part in axes.collections])
    assert axes.get_yscale() == scale
    assert points.min() == pytest.approx(1 - purest)
    assert high < points.min() < points.max() < low  # the purest on top
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words[0] == "across p: -0.90 [-1.00, -0.50]".replace("-", "\N{MINUS SIGN}")


def test_histograms_of_both_projections_share_their_limits():
    random = np.random.default_rng(0)
    wide, narrow = random.normal(size=(6, 40)), random.normal(size=(200, 40))
    heads = [LabelledHead("pretrained", None, Head(wide, narrow, 0.0))]
    limits = {axes.get_xlim() for axes in draw_histograms(heads).axes}
    assert len(limits) == 1
    assert limits.pop()[1] > 0.8  # those of the wider distribution


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Cs00", "Cs = 0"),
        ("Cs0", "Cs = 0"),
        ("Cs30", "Cs = 0.3"),
        ("Cs100", "Cs = 1"),
        ("Cs133", "Cs133"),
        ("Cs", "Cs"),
        ("my Cs30", "my Cs30"),
    ],
)
def test_labels_that_say_a_cs_are_named_after_it(label, name):
    assert name_label(label) == name


def test_projections_by_cs_go_from_dark_to_light():
    labels = ["Cs80", "pretrained", "Cs00", "Cs30", "another"]
    styles = choose_styles(labels)
    assert list(styles) == labels
    assert [styles[label].colour for label in ("Cs00", "Cs30", "Cs80")] == list_shades(3)
    assert styles["pretrained"].colour == BLACK
    assert styles["another"] == model_styles(labels)["another"]
    others = ["pretrained", "laclip"]
    assert choose_styles(others) == model_styles(others)


def test_levels_of_the_simulation_are_named():
    axes = FULL.draw("simulation").axes[:6]
    names = ["untrained"] * 3 + ["random neurons", "chance", "untrained"]
    assert [panel.texts[0].get_text() for panel in axes] == names
    levels = [find_levels(panel)[-1] for panel in axes]
    assert levels[3:5] == [0.08, 2.0]
    for panel, text, level in zip(axes, [panel.texts[0] for panel in axes], levels, strict=True):
        assert text.xy[1] == level
        assert panel.get_ylim()[0] <= level <= panel.get_ylim()[1]


@pytest.mark.parametrize("name", ["detection", "purity", "remedies", "training"])
def test_many_strategies_have_columns_of_their_own(name):
    strategies = [*FULL.strategies, "swapped_within_the_same_source"]
    figure = replace(MINIMAL, strategies=strategies).draw(name)
    boxes = find_boxes(figure)
    assert list_overlaps(boxes) == []
    titles = [axes.get_title() for axes in figure.axes[: len(strategies)]]
    assert titles[:3] == ["similar captions\nswapped", "random captions\nswapped", "unrelated"]
    assert titles[3].replace("\n", "") == strategies[3]


@pytest.mark.parametrize(("study", "is_thin"), [(MINIMAL, True), (FULL, False)])
def test_few_values_of_p_are_joined_by_a_thin_line(study, is_thin):
    for axes in study.draw("simulation").axes[:6]:
        curves = [line for line in axes.lines if len(line.get_xdata()) == len(study.shares)]
        marked = [line for line in curves if line.get_marker() in ("o", "s")]
        assert len(marked) == 2
        assert all((line.get_linewidth() < 1) == is_thin for line in marked)


def test_pruned_models_stand_beside_their_control():
    figure = FULL.draw("pruning")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "all kept, control" in labels
    table = pd.DataFrame(
        [["clip", "high_purity", 0, 16, 0.5, 0.1, "digits"]],
        columns=["model", "strategy", "draw", "kept", "accuracy", "silhouette", "dataset"],
    )
    labels = [text.get_text() for text in draw_pruning(table, 10).legends[0].get_texts()]
    assert "all kept, control" not in labels


def test_claims_show_intervals_verdicts_and_published_values():
    axes = FULL.draw("claims").axes[0]
    colours = {get_colour(line) for line in axes.lines if len(line.get_xdata()) == 1}
    assert colours >= {style.colour for style in VERDICT_STYLES.values()}
    points = [float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 1]
    assert {2.0, 1.5} <= set(points)
    bars = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    widths = [high - low for low, high in bars if high != low]
    assert widths.count(pytest.approx(0.2)) >= len(FULL.models) * len(VERDICT_STYLES)


def make_claims(**changes):
    """A headline that is a mean over models, and the rows of the two models."""
    row = {"experiment": 3, "claim": "it grows", "dataset": "", "strategy": "similar"}
    row |= {"projection": "image", "recipe": "main", "unit": "%", "verdict": "holds"}
    row |= {"published_effect": None, "published_other": None, "claimed_sign": 1}
    effects = {"": 3.0, "clip": 2.0, "laclip": 4.0}
    rows = [
        row | {"model": model, "effect": effect, "low": effect - 0.5, "high": effect + 0.5}
        for model, effect in effects.items()
    ]
    other = rows[1] | {"recipe": "another", "effect": 9.0}
    claims = pd.DataFrame([rows[0] | changes, *rows[1:], other])
    return claims[:1], claims


@pytest.mark.parametrize(
    ("published", "words"),
    [((4.5, None), []), ((114.0, 127.0), ["+114, +127"]), ((2.0, -15.24), ["\N{MINUS SIGN}15.2"])],
)
def test_what_was_measured_sets_the_axis_of_claims(published, words):
    """A published value beyond it is a number at the edge."""
    names = ("published_effect", "published_other")
    figure = draw_claims(*make_claims(**dict(zip(names, published, strict=True))))
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    assert low <= 0 < 4 < high
    assert high - low < 8
    assert [text.get_text() for text in axes.texts] == words
    arrows = [line.get_xdata()[0] for line in axes.lines if line.get_marker() in ("<", ">")]
    assert set(arrows) <= {low, high}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("beyond the axis" in labels) == bool(words)
    assert axes.get_xlabel() == "% of the control"


def test_means_over_models_show_the_effect_of_each():
    headlines, claims = make_claims()
    assert list_own_effects(claims, headlines.iloc[0]) == [2.0, 4.0]
    assert list_own_effects(claims, claims.iloc[1]) == []  # is of one model
    assert list_own_effects(claims[:2], claims.iloc[0]) == []  # the mean of one model is its own
    (axes,) = draw_claims(headlines, claims).axes
    assert [2.0, 4.0] in [list(line.get_xdata()) for line in axes.lines]


def test_no_claims_are_said_to_be_none():
    assert "no claim" in draw_claims(*[pd.DataFrame()] * 2).axes[0].texts[0].get_text()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"experiment": 1, "model": "laclip", "strategy": "", "projection": ""}, "it (laclip)"),
        ({"experiment": 2, "model": "", "strategy": "", "projection": ""}, "it"),
        ({"experiment": 3, "model": "", "strategy": "a", "projection": "image"}, "it (a, image)"),
    ],
)
def test_claims_are_named_on_one_line(row, expected):
    assert name_claim(row | {"claim": "it"}) == expected
