"""Accuracy and silhouette of one dataset against the number of neurons kept."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lib.figures import (
    DASHES,
    PRUNING_STYLES,
    SKY,
    chance_handle,
    draw_chance,
    new_figure,
    place_legend,
    style_handle,
    styled,
)
from lib.frames import ORDER_BAND

MEASURES = {"accuracy": (100, "accuracy (%)"), "silhouette": (1, "silhouette")}
NAMES = {
    "high_purity": "purest kept",
    "low_purity": "least pure kept",
    "random": "random kept, mean",
    "full": "all kept, pretrained",
}
CONTROL_LINE = {"color": SKY, "linestyle": DASHES[2], "linewidth": 1.0, "zorder": 1}


@styled
def draw_pruning(table: pd.DataFrame, classes: int, control: pd.DataFrame | None = None) -> Figure:
    """Panels by model (rows) and measure (columns).

    Args:
        table: the rows of pruning.csv of one dataset. The band runs from the 5% to the 95% quantile
            of the random orders.
        classes: number of classes of the dataset; chance is 1 / classes.
        control: the rows of misalignment_accuracy.csv of the dataset, where the study has
            fine-tuned; the line is the mean over seeds of the control, all of its neurons kept.

    Raises:
        ValueError: there are no rows.
    """
    if table.empty:
        raise ValueError("there are no pruning sweeps of this dataset")
    models = list(table["model"].unique())
    figure = new_figure(0.6 + 1.6 * len(models))
    grid = figure.subplots(len(models), len(MEASURES), squeeze=False, sharex=True)
    for panels, model in zip(grid, models, strict=True):
        rows = table[table["model"] == model]
        for axes, (measure, (scale, label)) in zip(panels, MEASURES.items(), strict=True):
            _draw_panel(axes, rows.assign(value=scale * rows[measure]))
            if control is not None:
                chosen = control[(control["model"] == model) & (control["strategy"] == "none")]
                axes.axhline(scale * chosen[measure].mean(), **CONTROL_LINE)
            if measure == "accuracy":
                draw_chance(axes, 100 / classes)
            axes.set_ylabel(label)
            axes.set_title(f"{model} on {rows['dataset'].iloc[0]}")
    for column in grid.T:
        column[-1].set_xlabel("neurons kept, k")
    handles = [*_handles(), chance_handle()]
    if control is not None:
        handles.insert(-1, Line2D([], [], label="all kept, control", **CONTROL_LINE))
    place_legend(figure, handles)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    random = rows[rows["strategy"] == "random"].groupby("kept")["value"]
    grey = PRUNING_STYLES["random"]
    if len(random):
        low, high = (random.quantile(end) for end in ORDER_BAND)
        axes.fill_between(low.index, low, high, color=grey.colour, alpha=0.25, linewidth=0)
    for strategy in ("random", "low_purity", "high_purity"):
        means = rows[rows["strategy"] == strategy].groupby("kept")["value"].mean()
        style = PRUNING_STYLES[strategy]
        axes.plot(means.index, means, color=style.colour, marker=style.marker, linestyle=style.line)
    for value in rows.loc[rows["strategy"] == "full", "value"]:
        full = PRUNING_STYLES["full"]
        axes.axhline(value, color=full.colour, linestyle=full.line, linewidth=0.8, zorder=1)


def _handles() -> list:
    band = Patch(
        facecolor=PRUNING_STYLES["random"].colour,
        alpha=0.25,
        label="random, {:.0%} to {:.0%}".format(*ORDER_BAND),
    )
    lines = {name: style_handle(style, NAMES[name]) for name, style in PRUNING_STYLES.items()}
    lines["full"].set_linewidth(0.8)
    return [lines["high_purity"], lines["low_purity"], lines["random"], band, lines["full"]]
