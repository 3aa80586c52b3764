"""Linear probe, nearest neighbours and retrieval against Cs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.cs_panels import draw_cs_curves, draw_pretrained_levels
from lib.figures import (
    chance_handle,
    crossed_handles,
    draw_chance,
    model_styles,
    new_figure,
    place_legend,
    pretrained_handle,
    share_limits,
    strategy_lines,
    styled,
)
from lib.frames import list_strategies

METHODS = {"zero_shot": "zero-shot", "knn": "nearest neighbours", "linear_probe": "linear probe"}
RETRIEVALS = {"text_retrieval": "text retrieval", "image_retrieval": "image retrieval"}
METRIC = "mean_per_class_recall"  # of the classifiers; with classes of one size it is the accuracy


@styled
def draw_downstream(table: pd.DataFrame) -> Figure:
    """A row of panels for each dataset (by method) and for each way of retrieval (by k).

    Args:
        table: downstream.csv. Lines are means over seeds, bars 95% t-intervals over seeds; the x
            axis is the nominal Cs, and Cs 0 the fine-tuned control.
    """
    rows = _list_rows(table)
    figure = new_figure(0.75 + 1.45 * len(rows))
    styles, lines = model_styles(table["model"]), strategy_lines(list_strategies(table))
    grid = figure.subplots(len(rows), 3, squeeze=False)
    for panels, (label, chosen) in zip(grid, rows, strict=True):
        for axes, (title, scores) in zip(panels, chosen.items(), strict=True):
            _draw_panel(axes, scores, styles, lines)
            axes.set_title(title)
        panels[0].set_ylabel(label)
        share_limits(panels)
    for axes in grid[:-1].flat:
        axes.tick_params(labelbottom=False)
    for axes in grid[-1]:
        axes.set_xlabel("nominal Cs")
    place_legend(figure, [*crossed_handles(styles, lines), pretrained_handle(), chance_handle()])
    return figure


def _list_rows(table: pd.DataFrame) -> list[tuple[str, dict[str, pd.DataFrame]]]:
    """Label of each row of panels, and what its panels show, by title."""
    rows = []
    for dataset in table["dataset"].unique():
        own = table[table["dataset"] == dataset]
        kinds = own.groupby(["method", "metric"])
        parts = {kind: own.loc[index] for kind, index in kinds.groups.items()}
        if set(own["method"]) & set(METHODS):
            shown = {name: parts[method, METRIC] for method, name in METHODS.items()}
            rows.append((f"{dataset}: mean\nper-class recall (%)", shown))
            continue
        for method, name in RETRIEVALS.items():
            metrics = own.loc[own["method"] == method, "metric"].unique()
            shown = {metric: parts[method, metric] for metric in metrics}
            rows.append((f"{dataset}:\n{name} (%)", shown))
    return rows


def _draw_panel(axes: Axes, scores: pd.DataFrame, styles: dict, lines: dict) -> None:
    draw_cs_curves(axes, scores, "value", styles, lines, 100, (0, 1))
    draw_pretrained_levels(axes, scores, "value", styles, 100)
    draw_chance(axes, 100 * scores["chance"].iloc[0])
