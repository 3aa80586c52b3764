"""The pretrained models side by side: accuracy and silhouette on every dataset."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lib.figures import (
    BASELINE_LINE,
    BLACK,
    MUTED,
    Style,
    model_styles,
    new_figure,
    place_legend,
    style_handle,
    styled,
)

# measure: scale, label
MEASURES = {
    "accuracy": (100, "zero-shot accuracy (%)"),
    "silhouette": (1, "silhouette of the classes (cosine)"),
}


@styled
def draw_comparison(table: pd.DataFrame, control: pd.DataFrame | None = None) -> Figure:
    """Accuracy with chance (left) and silhouette (right), a line a dataset, with 95% intervals.

    Args:
        table: clip_vs_laclip.csv. Chance is 1 / number of classes. Published values, where there
            are any, are open markers beside what was measured.
        control: misalignment_accuracy.csv, where the study has fine-tuned: crosses are the means
            over seeds of the controls, fine-tuned on captions of which none was swapped.
    """
    styles = model_styles(table["model"])
    datasets = list(table["dataset"].unique())
    figure = new_figure(0.75 + len(datasets) * (0.2 + 0.09 * len(styles)))
    panels = dict(zip(MEASURES, figure.subplots(1, 2, sharey=True), strict=True))
    step = min(0.22, 0.8 / len(styles))
    for number, (model, style) in enumerate(styles.items()):
        rows = table[table["model"] == model].set_index("dataset").reindex(datasets)
        places = np.arange(len(datasets)) + step * (number - (len(styles) - 1) / 2)
        for measure, axes in panels.items():
            _draw_measured(axes, rows, measure, places, style)
            if control is not None:
                means = _average_control(control[control["model"] == model], measure, datasets)
                look = {"color": style.colour, "marker": "x", "linestyle": "none", "markersize": 4}
                axes.plot(means, places, zorder=3, **look)
    chance = 100 / table.groupby("dataset")["n_classes"].first()[datasets]
    _draw_levels(panels["accuracy"], panels["silhouette"], chance)
    place_legend(figure, _handles(table, styles, control is not None))
    return figure


def _draw_measured(
    axes: Axes, rows: pd.DataFrame, measure: str, places: np.ndarray, style: Style
) -> None:
    """One model's values with their intervals, and what was published of it."""
    scale, _ = MEASURES[measure]
    values = scale * rows[[measure, f"{measure}_low", f"{measure}_high"]].to_numpy()
    bars = np.abs(values[:, 1:] - values[:, :1]).T
    look = {"color": style.colour, "fmt": style.marker, "markersize": 3.4, "elinewidth": 0.9}
    axes.errorbar(values[:, 0], places, xerr=bars, **look)
    published = {"color": style.colour, "marker": style.marker, "markerfacecolor": "white"}
    published |= {"linestyle": "none", "markersize": 4.6, "zorder": 1.5}
    axes.plot(scale * rows[f"published_{measure}"].astype(float), places, **published)


def _average_control(rows: pd.DataFrame, measure: str, datasets: Sequence[str]) -> np.ndarray:
    """Means over seeds of a model's control, one a dataset."""
    means = rows[rows["strategy"] == "none"].groupby("dataset")[measure].mean()
    return MEASURES[measure][0] * means.reindex(datasets).to_numpy()


def _draw_levels(accuracy: Axes, silhouette: Axes, chance: pd.Series) -> None:
    """Chance, a stroke a dataset, the silhouette of classes that are none, and the axes' names."""
    heights = np.arange(len(chance))
    accuracy.vlines(chance, heights - 0.36, heights + 0.36, color=BLACK, linewidth=1.1)
    silhouette.axvline(0, color=MUTED, linewidth=0.8, linestyle=BASELINE_LINE, zorder=1)
    accuracy.set_yticks(heights, chance.index)
    accuracy.set_ylim(len(chance) - 0.5, -0.5)
    accuracy.set_xlim(0, 102)
    silhouette.xaxis.set_major_locator(MaxNLocator(5))
    for axes, (_, label) in zip((accuracy, silhouette), MEASURES.values(), strict=True):
        axes.set_xlabel(label)
        axes.tick_params(axis="y", length=0)


def _handles(table: pd.DataFrame, styles: Mapping[str, Style], has_control: bool) -> list[Line2D]:
    handles = [style_handle(style._replace(line="none"), model) for model, style in styles.items()]
    if table["published_accuracy"].notna().any():
        handles.append(style_handle(Style(MUTED, "o", "none"), "published", filled=False))
    if has_control:
        handles.append(style_handle(Style(MUTED, "x", "none"), "control, Cs = 0"))
    look = {"color": BLACK, "marker": "|", "markersize": 8, "linestyle": "none"}
    return [*handles, Line2D([], [], label="chance, 1 / classes", **look)]
