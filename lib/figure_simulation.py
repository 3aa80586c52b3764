"""Experiment 0: what misaligned captions do to neurons whose true purity is known."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lib.figures import (
    BASELINE_LINE,
    BLACK,
    BLUE,
    DASHES,
    MUTED,
    VERMILLION,
    Style,
    new_figure,
    place_legend,
    style_handle,
    styled,
)
from lib.statistics import mean_interval

STYLES = {
    "raw": Style(BLUE, "o", DASHES[1]),
    "filtered": Style(VERMILLION, "s", DASHES[0]),
}
PANELS = {
    "purified_features": "purified features\n(number, |cos| ≥ 0.9)",
    "feature_magnitude": "largest |cos|\nof a concept (mean)",
    "true_purity": "true purity: largest\n|cos| of a neuron (mean)",
    "mean_abs_cos": "mean |cos|\nbetween neurons",
    "accuracy": "zero-shot accuracy (%)",
    "silhouette": "silhouette (cosine)",
}
SCALES = {"accuracy": 100}  # of the axis, times the values
REFERENCE = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 1.5))}
BASELINE = {"color": BLACK, "linewidth": 0.8, "linestyle": BASELINE_LINE}
BINS = np.linspace(0, 1, 41)


@styled
def draw_simulation(
    table: pd.DataFrame, purities: Mapping[str, np.ndarray], shares: Sequence[float], concepts: int
) -> Figure:
    """Six measures against p, raw beside filtered, and histograms of true purity.

    Args:
        table: simulation.csv. Lines are means over seeds, bands 95% t-intervals over seeds.
        purities: by kind of data, (p, seeds, neurons) largest |cos| of a neuron with a concept.
        shares: the values of p along the first axis of `purities`.
        concepts: number of concepts; one in so many is the accuracy of chance.
    """
    figure = new_figure(7.0)
    panels = figure.subplots(4, 2)
    for axes, (column, label) in zip(panels[:3].flat, PANELS.items(), strict=True):
        _draw_measure(axes, table, column, 1 / concepts if column == "accuracy" else None)
        axes.set_ylabel(label)
    for axes in panels[2]:
        axes.set_xlabel("probability p of a spurious partner")
    _draw_histograms(panels[3, 0], purities, "raw", shares)
    _draw_histograms(panels[3, 1], purities, "filtered", shares)
    panels[3, 0].set_ylabel("neurons (%)")
    limit = max(axes.get_ylim()[1] for axes in panels[3])
    for axes in panels[3]:
        axes.set_ylim(0, limit)
    place_legend(figure, _handles())
    return figure


def _draw_measure(axes: Axes, table: pd.DataFrame, column: str, chance: float | None) -> None:
    scale = SCALES.get(column, 1)
    for data, style in STYLES.items():
        rows = table[table["data"] == data]
        intervals = {p: mean_interval(each.to_numpy()) for p, each in rows.groupby("p")[column]}
        estimate, low, high = scale * np.array(list(intervals.values())).T
        axes.fill_between(list(intervals), low, high, color=style.colour, alpha=0.2, linewidth=0)
        axes.plot(
            list(intervals),
            estimate,
            color=style.colour,
            linestyle=style.line,
            marker=style.marker,
        )
    clean = table[(table["data"] == "raw") & (table["p"] == 0)]
    axes.axhline(scale * clean[column].mean(), zorder=1, **REFERENCE)
    untrained = table.loc[table["data"] == "untrained", column].mean()
    level = table["random_baseline"].iloc[0] if column == "mean_abs_cos" else untrained
    axes.axhline(scale * (level if chance is None else chance), zorder=1, **BASELINE)


def _draw_histograms(
    axes: Axes, purities: Mapping[str, np.ndarray], data: str, shares: Sequence[float]
) -> None:
    """Outlines of the neurons' true purities at the least, middle and largest p."""
    order = np.argsort(shares)
    chosen = list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))
    axes.stairs(
        _percentages(purities["untrained"]), BINS, fill=True, color="#D9D9D9", label="untrained"
    )
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.8, len(chosen)))
    for number, (place, colour) in enumerate(zip(chosen, colours, strict=True)):
        axes.stairs(
            _percentages(purities[data][place]),
            BINS,
            color=tuple(colour),
            linestyle=DASHES[number],
            linewidth=1.2,
            label=f"p = {shares[place]:g}",
        )
    axes.set_title(f"{data} captions")
    axes.set_xlabel("true purity of a neuron")
    axes.legend(loc="upper center")


def _percentages(values: np.ndarray) -> np.ndarray:
    return 100 * np.histogram(values, BINS)[0] / values.size


def _handles() -> list:
    return [
        *(style_handle(style, f"{data} captions") for data, style in STYLES.items()),
        Line2D([], [], label="raw at p = 0 (oracle)", **REFERENCE),
        Line2D([], [], label="untrained, random or chance", **BASELINE),
    ]
