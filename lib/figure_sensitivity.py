"""Mean |cos| between neurons against Cs, for each recipe of fine-tuning."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import (
    MUTED,
    Style,
    block_grid,
    draw_interval_line,
    model_styles,
    name_strategy,
    new_figure,
    place_legend,
    set_cs_axis,
    share_limits,
    strategy_lines,
    style_handle,
    styled,
)
from lib.frames import cs_curve, list_strategies


@styled
def draw_sensitivity(table: pd.DataFrame) -> Figure:
    """A column of panels (one a projection) for each recipe, a line for each model and strategy.

    Args:
        table: sensitivity.csv. Lines are means over seeds, bars 95% t-intervals over seeds; the x
            axis is the nominal Cs, and Cs 0 the fine-tuned control. Panels in a row share their y
            axis.
    """
    recipes = list(table["recipe"].unique())
    projections = list(table["projection"].unique())
    columns = min(4, len(recipes))
    figure = new_figure(0.75 + 1.35 * len(projections) * -(-len(recipes) // columns))
    panels, grid_rows = block_grid(figure, recipes, columns, len(projections))
    styles, lines = model_styles(table["model"]), strategy_lines(list_strategies(table))
    for number, (recipe, column) in enumerate(panels.items()):
        rows = table[table["recipe"] == recipe]
        for axes, projection in zip(column, projections, strict=True):
            _draw_panel(axes, rows[rows["projection"] == projection], styles, lines)
            if number % columns == 0:
                axes.set_ylabel(f"mean |cos|, {projection}")
        column[0].set_title(
            _name_recipe(recipe, rows), fontweight="bold" if recipe == "main" else "normal"
        )
        for axes in column[:-1]:
            axes.tick_params(labelbottom=False)
        column[-1].set_xlabel("nominal Cs")
    for row in grid_rows:
        share_limits(row)
    handles = [style_handle(Style(s.colour, s.marker, "none"), m) for m, s in styles.items()]
    handles += [
        style_handle(Style(MUTED, "o", line), name_strategy(strategy), filled)
        for strategy, (line, filled) in lines.items()
    ]
    place_legend(figure, handles, 4)
    return figure


def _name_recipe(recipe: str, rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    settings = f"lr {first['lr']:g}, {first['epochs']:g} epochs"
    return f"main recipe\n{settings}" if recipe == "main" else settings


def _draw_panel(axes: Axes, rows: pd.DataFrame, styles: dict, lines: dict) -> None:
    curves = [(model, strategy) for model in styles for strategy in lines]
    for number, (model, strategy) in enumerate(curves):
        chosen = rows[rows["model"] == model]
        cs, intervals = cs_curve(chosen, strategy, "avg_abs_cos_sim")
        line, filled = lines[strategy]
        shift = 0.01 * (number - (len(curves) - 1) / 2)
        style = styles[model]._replace(line=line)
        draw_interval_line(axes, cs, intervals, style, filled, shift)
    set_cs_axis(axes, cs)
