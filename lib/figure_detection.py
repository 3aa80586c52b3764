"""Cosines of aligned and swapped pairs, and how well they tell the two apart."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lib.cs_panels import draw_cs_curves
from lib.figures import (
    GREEN,
    MUTED,
    ORANGE,
    chance_handle,
    crossed_handles,
    draw_chance,
    draw_interval_line,
    label_columns,
    model_styles,
    new_figure,
    place_legend,
    share_limits,
    strategy_lines,
    styled,
    title_strategies,
)
from lib.statistics import wilson_interval

ALIGNED, SWAPPED = GREEN, ORANGE
MERGED = 4  # bins of the scores in one bin of the figure


@styled
def draw_detection(scores: Mapping[str, Sequence[Mapping]]) -> Figure:
    """Histograms of one swap by model (rows) and strategy; below, ROC AUC by Cs and calibration.

    Args:
        scores: by model, what `lib.detection.score_detector` gave for every strategy, Cs and seed.
            Histograms and calibration are those of the Cs nearest to a half and the first seed;
            the dots of the AUC are means over seeds, their bars 95% t-intervals; those of the
            calibration are Wilson's, over the pairs of a bin.
    """
    table = pd.DataFrame([{"model": m} | dict(row) for m, rows in scores.items() for row in rows])
    strategies = list(table["strategy"].unique())
    cs = min(table["cs"].unique(), key=lambda value: abs(value - 0.5))
    shown = table[(table["cs"] == cs) & (table["seed"] == table["seed"].iloc[0])]
    figure = new_figure(0.8 + 1.25 * len(scores) + 2.1)
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.25 * len(scores) + 0.4, 2.5])
    grid = upper.subplots(len(scores), len(strategies), squeeze=False, sharex=True)
    for (row, model), (column, strategy) in itertools.product(
        enumerate(scores), enumerate(strategies)
    ):
        (chosen,) = shown[(shown["model"] == model) & (shown["strategy"] == strategy)].iloc
        _draw_histogram(grid[row, column], model, chosen)
    for panels in grid:
        panels[0].set_ylabel("% of each kind")
        share_limits(panels)
    title_strategies(grid[0], strategies)
    label_columns(grid[-1], f"cosine of image and caption, Cs {cs:g}")
    grid[-1, 0].set_xlim(*_find_limits(shown))  # the axis of all
    kinds = {"aligned pairs": ALIGNED, "swapped pairs": SWAPPED}
    handles = [Patch(color=colour, alpha=0.6, label=name) for name, colour in kinds.items()]
    upper.legend(handles=handles, loc="outside upper center", ncols=2)
    _draw_scores(lower, table, shown, cs)
    return figure


def _find_limits(shown: pd.DataFrame) -> tuple[float, float]:
    """The ends of the x axis that all histograms share: where there are pairs."""
    counts = np.sum([*shown["aligned"], *shown["swapped"]], axis=0)
    used = np.flatnonzero(counts > 1e-3 * counts.max())
    edges = _find_edges(counts)
    return edges[used[0]] - 0.05, edges[used[-1] + 1] + 0.05


def _find_edges(counts: np.ndarray) -> np.ndarray:
    """The edges of the bins of a histogram of cosines, which are equally wide."""
    return np.linspace(-1, 1, len(counts) + 1)


def _draw_histogram(axes: Axes, model: str, score: Mapping) -> None:
    for name, colour in (("aligned", ALIGNED), ("swapped", SWAPPED)):
        counts = np.reshape(score[name], (-1, MERGED)).sum(axis=1)
        axes.stairs(
            100 * counts / counts.sum(), _find_edges(counts), fill=True, color=colour, alpha=0.6
        )
    axes.set_ylim(bottom=0)
    words = f"{model}\nAUC {score['roc_auc']:.2f}"
    axes.text(0.02, 0.96, words, transform=axes.transAxes, va="top")


def _draw_scores(figure, table: pd.DataFrame, shown: pd.DataFrame, cs: float) -> None:
    styles = model_styles(table["model"])
    lines = strategy_lines(table["strategy"])
    left, right = figure.subplots(1, 2)
    draw_cs_curves(left, table, "roc_auc", styles, lines, possible=(0, 1))
    draw_chance(left, 0.5)
    left.set_ylim(min(0.4, left.get_ylim()[0]), 1.02)
    left.set_xlabel("share of captions swapped, nominal Cs")
    left.set_ylabel("ROC AUC")
    for score in shown.to_dict("records"):
        line, is_filled = lines[score["strategy"]]
        style = styles[score["model"]]._replace(line=line)
        places = np.multiply(100, score["predicted"])
        draw_interval_line(right, places, 100 * observed_intervals(score), style, is_filled)
    right.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, zorder=1)
    right.set_xlabel(f"predicted share swapped (%), Cs {cs:g}")
    right.set_ylabel("observed share (%)")
    place_legend(figure, [*crossed_handles(styles, lines), chance_handle()], "bottom")


def observed_intervals(score: Mapping) -> np.ndarray:
    """Observed share of swapped pairs in each bin of the calibration, with Wilson's 95% interval.

    Args:
        score: from `lib.detection.score_detector`.

    Returns:
        (bins, 3) estimate, low and high.
    """
    bins = zip(score["observed"], score["sizes"], strict=True)
    return np.array([wilson_interval(round(share * size), size) for share, size in bins])
