"""Mean |cos| between neurons against Cs, for each recipe of fine-tuning."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.cs_panels import draw_cs_curves, draw_pretrained_levels, draw_random_levels
from lib.figures import (
    baseline_handle,
    block_grid,
    crossed_handles,
    model_styles,
    new_figure,
    place_legend,
    pretrained_handle,
    share_limits,
    strategy_lines,
    styled,
)
from lib.frames import list_strategies, name_recipe


@styled
def draw_sensitivity(table: pd.DataFrame, misalignment: pd.DataFrame) -> Figure:
    """A column of panels (one a projection) for each recipe, a line for each model and strategy.

    Args:
        table: sensitivity.csv. Lines are means over seeds, bars 95% t-intervals over seeds; the x
            axis is the nominal Cs, and Cs 0 the fine-tuned control. Panels in a row share their y
            axis.
        misalignment: misalignment.csv, for the pretrained models and random projections.
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
            shown = rows[rows["projection"] == projection]
            draw_cs_curves(axes, shown, "avg_abs_cos_sim", styles, lines)
            _draw_levels(axes, misalignment[misalignment["projection"] == projection], styles)
            if number % columns == 0:
                axes.set_ylabel(f"mean |cos|, {projection}")
        column[0].set_title(
            _title_recipe(recipe, rows), fontweight="bold" if recipe == "main" else "normal"
        )
        for axes in column[:-1]:
            axes.tick_params(labelbottom=False)
        column[-1].set_xlabel("nominal Cs")
    for row in grid_rows:
        share_limits(row)
    handles = [*crossed_handles(styles, lines), pretrained_handle(), baseline_handle()]
    place_legend(figure, handles)
    return figure


def _title_recipe(recipe: str, rows: pd.DataFrame) -> str:
    """The settings of a recipe on two lines, and whether it is the study's own."""
    suffix = " (main)" if recipe == "main" else ""
    return name_recipe(rows.iloc[0]).replace(", ", "\n") + suffix


def _draw_levels(axes: Axes, rows: pd.DataFrame, styles: dict) -> None:
    """Where the pretrained models and random projections are."""
    draw_pretrained_levels(axes, rows, "avg_abs_cos_sim", styles)
    draw_random_levels(axes, rows)
