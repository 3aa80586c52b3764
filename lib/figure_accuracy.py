"""Accuracy and silhouette of the downstream datasets against Cs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.cs_panels import draw_cs_curves, draw_pretrained_levels
from lib.figures import (
    block_grid,
    chance_handle,
    crossed_handles,
    draw_chance,
    model_styles,
    new_figure,
    place_legend,
    pretrained_handle,
    strategy_lines,
    styled,
)
from lib.frames import POSSIBLE, list_strategies

MEASURES = {"accuracy": (100, "accuracy (%)"), "silhouette": (1, "silhouette")}  # scale, label


@styled
def draw_accuracy(table: pd.DataFrame) -> Figure:
    """A column of two panels for each dataset, a line for each model and strategy.

    Args:
        table: misalignment_accuracy.csv. Lines are means over seeds, bars 95% t-intervals over
            seeds; the x axis is the nominal Cs, and Cs 0 the fine-tuned control. Chance is 1 /
            n_classes.
    """
    datasets = list(table["dataset"].unique())
    figure = new_figure(0.7 + 2.6 * -(-len(datasets) // 3))
    panels, _ = block_grid(figure, datasets, 3, len(MEASURES))
    styles, lines = model_styles(table["model"]), strategy_lines(list_strategies(table))
    for number, (dataset, column) in enumerate(panels.items()):
        rows = table[table["dataset"] == dataset]
        for axes, measure in zip(column, MEASURES, strict=True):
            _draw_panel(axes, rows, measure, styles, lines)
            if number % 3 == 0:
                axes.set_ylabel(MEASURES[measure][1])
        draw_chance(column[0], 100 / rows["n_classes"].iloc[0])
        column[0].set_title(dataset)
        column[0].tick_params(labelbottom=False)
        column[-1].set_xlabel("nominal Cs")
    handles = [*crossed_handles(styles, lines), pretrained_handle(), chance_handle()]
    place_legend(figure, handles)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, measure: str, styles: dict, lines: dict) -> None:
    scale, _ = MEASURES[measure]
    draw_cs_curves(axes, rows, measure, styles, lines, scale, POSSIBLE[measure])
    draw_pretrained_levels(axes, rows, measure, styles, scale)
