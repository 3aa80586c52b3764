"""What remedies of misaligned captions restore: purity, accuracy and silhouette against Cs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lib.cs_panels import draw_random_levels
from lib.figures import (
    BLUE,
    DASHES,
    GREEN,
    MUTED,
    ORANGE,
    RAW,
    REPLACED,
    SKY,
    VERMILLION,
    Style,
    baseline_handle,
    draw_interval_line,
    draw_pretrained_level,
    label_columns,
    new_figure,
    place_legend,
    pretrained_handle,
    set_cs_axis,
    share_limits,
    style_handle,
    styled,
    title_strategies,
)
from lib.frames import cs_curve, list_strategies
from lib.statistics import mean_interval

STYLES = [
    REPLACED,
    Style(ORANGE, "^", DASHES[2]),
    Style(BLUE, "D", DASHES[3]),
    Style(SKY, "v", DASHES[2]),
    Style(VERMILLION, "P", DASHES[1]),
]
# label: table, scale, column
ROWS = {
    "mean |cos|\nimage projection": ("image", 1, "avg_abs_cos_sim"),
    "mean |cos|\ntext projection": ("text", 1, "avg_abs_cos_sim"),
    "accuracy (%)\nmean over datasets": ("datasets", 100, "accuracy"),
    "silhouette\nmean over datasets": ("datasets", 1, "silhouette"),
}


@styled
def draw_remedies(
    misalignment: pd.DataFrame,
    misalignment_accuracy: pd.DataFrame,
    remedies: pd.DataFrame,
    remedies_accuracy: pd.DataFrame,
) -> Figure:
    """Panels by measure (rows) and strategy (columns), a line for each remedy, of one model.

    Args:
        misalignment, misalignment_accuracy: the tables of raw captions; the control, whose captions
            were not swapped, is the oracle that undoes exactly the swaps.
        remedies, remedies_accuracy: those of remedied captions. Dots are means over seeds, bars and
            the oracle's band 95% t-intervals.
    """
    raw = _by_panel(misalignment, misalignment_accuracy, [])
    tried = _by_panel(remedies, remedies_accuracy, ["remedy"])
    strategies = list_strategies(misalignment)
    names = list(remedies["remedy"].unique())
    styles = {name: STYLES[i % len(STYLES)] for i, name in enumerate(names)}
    figure = new_figure(0.7 + 1.35 * len(ROWS))
    grid = figure.subplots(len(ROWS), len(strategies), squeeze=False, sharex=True)
    for panels, (label, (table, scale, column)) in zip(grid, ROWS.items(), strict=True):
        for axes, strategy in zip(panels, strategies, strict=True):
            _draw_panel(axes, raw[table], tried[table], strategy, column, scale, styles)
        panels[0].set_ylabel(label)
        share_limits(panels)
    title_strategies(grid[0], strategies)
    label_columns(grid[-1], "share of captions swapped, nominal Cs")
    place_legend(figure, _handles(styles))
    return figure


def name_remedy(remedy: str) -> str:
    """A remedy in words."""
    if remedy.startswith("dropped"):
        return f"{remedy.removeprefix('dropped')}% of lowest cosine dropped"
    return {"filtered": "captions replaced"}.get(remedy, remedy)


def _by_panel(
    purity: pd.DataFrame, accuracy: pd.DataFrame, also: list[str]
) -> Mapping[str, pd.DataFrame]:
    """The rows that a panel draws: of each projection, and means over datasets."""
    keys = ["strategy", "cs", "seed", *also]
    means = accuracy.groupby(keys, dropna=False)[["accuracy", "silhouette"]].mean().reset_index()
    projections = {name: purity[purity["projection"] == name] for name in ("image", "text")}
    return projections | {"datasets": means}


def _draw_panel(
    axes: Axes,
    raw: pd.DataFrame,
    tried: pd.DataFrame,
    strategy: str,
    column: str,
    scale: float,
    styles: Mapping[str, Style],
) -> None:
    oracle = scale * np.array(mean_interval(raw.loc[raw["strategy"] == "none", column].to_numpy()))
    axes.axhline(oracle[0], color=GREEN, linewidth=0.9, zorder=1)
    if np.isfinite(oracle).all():
        axes.axhspan(oracle[1], oracle[2], color=GREEN, alpha=0.15, linewidth=0, zorder=0)
    for value in raw.loc[raw["strategy"] == "pretrained", column]:
        draw_pretrained_level(axes, scale * value, MUTED)
    if "random_baseline" in raw:
        draw_random_levels(axes, raw)
    cs, intervals = cs_curve(raw, strategy, column)
    shifts = 0.012 * (np.arange(len(styles) + 1) - len(styles) / 2)  # raw captions, then remedies
    draw_interval_line(axes, cs, scale * np.array(intervals), RAW, shift=shifts[0])
    for shift, (remedy, style) in zip(shifts[1:], styles.items(), strict=True):
        rows = tried[(tried["remedy"] == remedy) & (tried["strategy"] == strategy)]
        places, values = cs_curve(rows, strategy, column)
        draw_interval_line(axes, places, scale * np.array(values), style, shift=shift)
    set_cs_axis(axes, cs)


def _handles(styles: Mapping[str, Style]) -> list[Line2D | Patch]:
    levels = [
        Line2D([], [], color=GREEN, linewidth=0.9, label="oracle: swaps undone"),
        pretrained_handle("pretrained"),
        baseline_handle(),
    ]
    lines = [style_handle(style, name_remedy(name)) for name, style in styles.items()]
    return [style_handle(RAW, "raw captions"), *lines, *levels]
