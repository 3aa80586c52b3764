"""Mean |cos| between neurons along fine-tuning, epoch by epoch."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.cs_panels import draw_random_levels
from lib.figures import (
    DASHES,
    MARKERS,
    Style,
    baseline_handle,
    draw_interval_line,
    label_columns,
    list_shades,
    new_figure,
    place_legend,
    share_limits,
    style_handle,
    styled,
    title_strategies,
)
from lib.frames import list_strategies
from lib.statistics import mean_interval


@styled
def draw_training(table: pd.DataFrame) -> Figure:
    """Panels by projection (rows) and strategy (columns), a line for each Cs, of one model.

    Args:
        table: training.csv. Epoch 0 is the pretrained model, Cs 0 the control. Lines are means over
            seeds, bars 95% t-intervals over seeds.
    """
    strategies = list_strategies(table)
    projections = list(table["projection"].unique())
    styles = _choose_styles(sorted(table["cs"].dropna().unique()))
    figure = new_figure(0.75 + 1.65 * len(projections))
    grid = figure.subplots(len(projections), len(strategies), squeeze=False, sharex=True)
    for panels, projection in zip(grid, projections, strict=True):
        rows = table[table["projection"] == projection]
        for axes, strategy in zip(panels, strategies, strict=True):
            _draw_panel(axes, rows, strategy, styles)
        panels[0].set_ylabel(f"mean |cos|\n{projection} projection")
        share_limits(panels)
    title_strategies(grid[0], strategies)
    label_columns(grid[-1], "epochs of fine-tuning")
    names = {cs: f"Cs = {cs:g}" + (" (control)" if cs == 0 else "") for cs in styles}
    handles = [style_handle(style, names[cs]) for cs, style in styles.items()]
    place_legend(figure, [*handles, baseline_handle()])
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, strategy: str, styles: dict[float, Style]) -> None:
    pretrained = rows[rows["strategy"] == "pretrained"]
    for number, (cs, style) in enumerate(styles.items()):
        chosen = rows[rows["strategy"].isin(["none", strategy]) & (rows["cs"] == cs)]
        by_epoch = pd.concat([pretrained, chosen]).groupby("epoch")["avg_abs_cos_sim"]
        intervals = [mean_interval(values.to_numpy()) for _, values in by_epoch]
        shift = 0.06 * (number - (len(styles) - 1) / 2)
        draw_interval_line(axes, list(by_epoch.groups), intervals, style, shift=shift)
    draw_random_levels(axes, rows)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _choose_styles(values: Sequence[float]) -> dict[float, Style]:
    """From dark to light by Cs, with markers and lines of their own."""
    shades = list_shades(len(values))
    return {
        cs: Style(shades[i], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)])
        for i, cs in enumerate(values)
    }
