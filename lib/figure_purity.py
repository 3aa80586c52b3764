"""Mean |cos| between neurons against Cs."""

import pandas as pd
from matplotlib.figure import Figure

from lib.cs_panels import draw_pretrained_levels, draw_random_levels
from lib.figures import (
    baseline_handle,
    draw_interval_line,
    label_columns,
    model_styles,
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


@styled
def draw_purity(table: pd.DataFrame) -> Figure:
    """Panels by projection (rows) and strategy (columns), a line a model.

    Args:
        table: misalignment.csv. Lines are means over seeds, bars 95% t-intervals over seeds; the x
            axis is the nominal Cs, and Cs 0 the fine-tuned control. The grey band holds the mean
            |cos| of 95% of random Gaussian projections of that shape.
    """
    styles = model_styles(table["model"])
    strategies = list_strategies(table)
    projections = list(table["projection"].unique())
    figure = new_figure(0.55 + 1.65 * len(projections))
    grid = figure.subplots(len(projections), len(strategies), squeeze=False, sharex=True)
    for panels, projection in zip(grid, projections, strict=True):
        rows = table[table["projection"] == projection]
        for axes, strategy in zip(panels, strategies, strict=True):
            _draw_panel(axes, rows, strategy, styles)
        panels[0].set_ylabel(f"mean |cos|\n{projection} projection")
        share_limits(panels)
    title_strategies(grid[0], strategies)
    label_columns(grid[-1], "share of captions swapped, nominal Cs")
    handles = [style_handle(style, model) for model, style in styles.items()]
    place_legend(figure, [*handles, pretrained_handle(), baseline_handle()])
    return figure


def _draw_panel(axes, rows: pd.DataFrame, strategy: str, styles: dict) -> None:
    for number, (model, style) in enumerate(styles.items()):
        chosen = rows[rows["model"] == model]
        cs, intervals = cs_curve(chosen, strategy, "avg_abs_cos_sim")
        shift = 0.008 * (number - (len(styles) - 1) / 2)
        draw_interval_line(axes, cs, intervals, style, shift=shift)
    draw_pretrained_levels(axes, rows, "avg_abs_cos_sim", styles)
    draw_random_levels(axes, rows)
    set_cs_axis(axes, cs)
