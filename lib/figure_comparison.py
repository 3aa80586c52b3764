"""The pretrained models side by side: accuracy and silhouette on every dataset."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lib.figures import (
    BLACK,
    MUTED,
    Style,
    model_styles,
    new_figure,
    place_legend,
    style_handle,
    styled,
)


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
    accuracy, silhouette = figure.subplots(1, 2, sharey=True)
    for number, (model, style) in enumerate(styles.items()):
        rows = table[table["model"] == model].set_index("dataset").reindex(datasets)
        step = min(0.22, 0.8 / len(styles))
        places = np.arange(len(datasets)) + step * (number - (len(styles) - 1) / 2)
        look = {"color": style.colour, "fmt": style.marker, "markersize": 3.4, "elinewidth": 0.9}
        for axes, measure, scale in ((accuracy, "accuracy", 100), (silhouette, "silhouette", 1)):
            names = [measure, f"{measure}_low", f"{measure}_high"]
            values = scale * rows[names].to_numpy()
            bars = np.abs(values[:, 1:] - values[:, :1]).T
            axes.errorbar(values[:, 0], places, xerr=bars, **look)
        published = {"color": style.colour, "marker": style.marker, "markerfacecolor": "white"}
        published |= {"linestyle": "none", "markersize": 4.6, "zorder": 1.5}
        accuracy.plot(100 * rows["published_accuracy"].astype(float), places, **published)
        silhouette.plot(rows["published_silhouette"].astype(float), places, **published)
        if control is not None:
            _draw_control(
                accuracy, silhouette, control[control["model"] == model], datasets, places, style
            )
    chance = 100 / table.groupby("dataset")["n_classes"].first()[datasets]
    heights = np.arange(len(datasets))
    accuracy.vlines(chance, heights - 0.36, heights + 0.36, color=BLACK, linewidth=1.1)
    silhouette.axvline(0, color=MUTED, linewidth=0.8, linestyle=(0, (6, 2)), zorder=1)
    accuracy.set_yticks(heights, datasets)
    accuracy.set_ylim(len(datasets) - 0.5, -0.5)
    accuracy.set_xlim(0, 102)
    accuracy.set_xlabel("zero-shot accuracy (%)")
    silhouette.set_xlabel("silhouette of the classes (cosine)")
    silhouette.xaxis.set_major_locator(MaxNLocator(5))
    for axes in (accuracy, silhouette):
        axes.tick_params(axis="y", length=0)
    handles = [style_handle(Style(s.colour, s.marker, "none"), m) for m, s in styles.items()]
    chance_handle = Line2D(
        [], [], color=BLACK, marker="|", markersize=8, linestyle="none", label="chance, 1 / classes"
    )
    if table["published_accuracy"].notna().any():
        handles.append(style_handle(Style(MUTED, "o", "none"), "published", filled=False))
    if control is not None:
        handles.append(style_handle(Style(MUTED, "x", "none"), "control, Cs = 0"))
    place_legend(figure, [*handles, chance_handle])
    return figure


def _draw_control(
    accuracy: Axes,
    silhouette: Axes,
    rows: pd.DataFrame,
    datasets: Sequence[str],
    places: np.ndarray,
    style: Style,
) -> None:
    """Crosses where a model's control is."""
    means = rows[rows["strategy"] == "none"].groupby("dataset")[["accuracy", "silhouette"]].mean()
    means = means.reindex(datasets)
    look = {"color": style.colour, "marker": "x", "linestyle": "none", "markersize": 4, "zorder": 3}
    accuracy.plot(100 * means["accuracy"], places, **look)
    silhouette.plot(means["silhouette"], places, **look)
