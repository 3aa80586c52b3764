"""Experiment 0: what misaligned captions do to neurons whose true purity is known."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lib.figures import (
    BASELINE_LINE,
    BLACK,
    DASHES,
    LINE_WIDTH,
    MUTED,
    RAW,
    REPLACED,
    draw_interval_line,
    list_shades,
    new_figure,
    place_legend,
    set_cs_axis,
    style_handle,
    styled,
)
from lib.statistics import mean_interval

STYLES = {"raw": RAW, "filtered": REPLACED}
PANELS = {
    "purified_features": "purified features\n(number, |cos| ≥ 0.9)",
    "feature_magnitude": "largest |cos|\nof a concept (mean)",
    "true_purity": "true purity: largest\n|cos| of a neuron (mean)",
    "mean_abs_cos": "mean |cos|\nbetween neurons",
    "accuracy": "zero-shot accuracy (%)",
    "silhouette": "silhouette (cosine)",
}
SCALES = {"accuracy": 100}  # of the axis, times the values
LEVELS = {"mean_abs_cos": "random neurons", "accuracy": "chance"}  # of the others: untrained
FEW = 5  # fewer values of p than that leave open what lies between: the line is thin
REFERENCE = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 1.5))}
BASELINE = {"color": BLACK, "linewidth": 0.8, "linestyle": BASELINE_LINE}
BINS = np.linspace(0, 1, 41)


@styled
def draw_simulation(
    table: pd.DataFrame, purities: Mapping[str, np.ndarray], shares: Sequence[float], concepts: int
) -> Figure:
    """Six measures against p, raw beside filtered, and histograms of true purity.

    Args:
        table: simulation.csv. Marks are means over seeds, bars 95% t-intervals over seeds; ticks
            are the values of p that were simulated.
        purities: by kind of data, (p, seeds, neurons) largest |cos| of a neuron with a concept.
        shares: the values of p along the first axis of `purities`.
        concepts: number of concepts; one in so many is the accuracy of chance.
    """
    figure = new_figure(7.0)
    panels = figure.subplots(4, 2)
    width = LINE_WIDTH if len(shares) >= FEW else 0.6
    for axes, (column, label) in zip(panels[:3].flat, PANELS.items(), strict=True):
        _draw_measure(axes, table, column, width)
        _draw_level(axes, LEVELS.get(column, "untrained"), _find_level(table, column, concepts))
        axes.set_ylabel(label)
    for axes in panels[:2].flat:
        axes.tick_params(labelbottom=False)
    for axes in panels[2]:
        axes.set_xlabel("probability p of a spurious partner")
    _draw_histograms(panels[3, 0], purities, "raw", shares)
    _draw_histograms(panels[3, 1], purities, "filtered", shares)
    panels[3, 0].set_ylabel("neurons (%)")
    limit = max(axes.get_ylim()[1] for axes in panels[3])
    for axes in panels[3]:
        axes.set_ylim(0, limit)
    place_legend(figure, _handles(width))
    return figure


def _draw_measure(axes: Axes, table: pd.DataFrame, column: str, width: float) -> None:
    """Raw and filtered captions at each p, side by side, and the level of raw ones at p = 0."""
    scale = SCALES.get(column, 1)
    shift = 0.01 * table["p"].max()
    for (data, style), side in zip(STYLES.items(), (-1, 1), strict=True):
        by_p = table[table["data"] == data].groupby("p")[column]
        intervals = scale * np.array([mean_interval(each.to_numpy()) for _, each in by_p])
        draw_interval_line(
            axes, list(by_p.groups), intervals, style, shift=side * shift, width=width
        )
    clean = table[(table["data"] == "raw") & (table["p"] == 0)]
    axes.axhline(scale * clean[column].mean(), zorder=1, **REFERENCE)
    set_cs_axis(axes, table["p"].dropna())


def _find_level(table: pd.DataFrame, column: str, concepts: int) -> float:
    """What a measure is without any training."""
    if column == "accuracy":
        return SCALES[column] / concepts
    if column == "mean_abs_cos":
        return table["random_baseline"].iloc[0]
    return table.loc[table["data"] == "untrained", column].mean()


def _draw_level(axes: Axes, name: str, level: float) -> None:
    """A dashed line through a panel, named on the side where the panel has more room."""
    axes.axhline(level, zorder=1, **BASELINE)
    low, high = axes.get_ylim()
    is_above = level < (low + high) / 2
    axes.annotate(
        name,
        (0.02, level),
        xycoords=axes.get_yaxis_transform(),
        xytext=(0, 2.5 if is_above else -2.5),
        textcoords="offset points",
        va="bottom" if is_above else "top",
        fontsize=7,
    )


def _draw_histograms(
    axes: Axes, purities: Mapping[str, np.ndarray], data: str, shares: Sequence[float]
) -> None:
    """Outlines of the neurons' true purities at the least, middle and largest p."""
    order = np.argsort(shares)
    chosen = list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))
    axes.stairs(
        _percentages(purities["untrained"]), BINS, fill=True, color="#D9D9D9", label="untrained"
    )
    for number, (place, colour) in enumerate(zip(chosen, list_shades(len(chosen)), strict=True)):
        axes.stairs(
            _percentages(purities[data][place]),
            BINS,
            color=colour,
            linestyle=DASHES[number],
            linewidth=1.2,
            label=f"p = {shares[place]:g}",
        )
    axes.set_title(f"{data} captions")
    axes.set_xlabel("true purity of a neuron")
    axes.legend(loc="upper center")


def _percentages(values: np.ndarray) -> np.ndarray:
    return 100 * np.histogram(values, BINS)[0] / values.size


def _handles(width: float) -> list[Line2D]:
    handles = [style_handle(style, f"{data} captions") for data, style in STYLES.items()]
    for handle in handles:
        handle.set_linewidth(width)
    return [*handles, Line2D([], [], label="raw at p = 0 (oracle)", **REFERENCE)]
