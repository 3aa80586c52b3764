"""Mean |cos| between neurons through the depth of the towers."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lib.figures import (
    DASHES,
    MUTED,
    Style,
    baseline_handle,
    draw_random_baseline,
    model_styles,
    new_figure,
    place_legend,
    share_limits,
    style_handle,
    styled,
)

TOWERS = ("image", "text")


class Kind(NamedTuple):
    """How the matrices of one kind are told apart, whatever the model."""

    name: str
    line: Any  # between blocks
    filling: str  # of the marks: "full", "open" or "half"


KINDS = {
    "attention": Kind("output of attention", DASHES[0], "full"),
    "mlp": Kind("output of the MLP", DASHES[1], "open"),
    "projection": Kind("projection", "none", "half"),
}


@styled
def draw_layers(table: pd.DataFrame) -> Figure:
    """A panel for each tower; marks by model (colour) and matrix (filling), the projection last.

    Where a kind has a matrix in two blocks or more, a line joins them.

    Args:
        table: layers.csv. The y axis is mean |cos| as a multiple of what random Gaussian neurons of
            as many weights have: matrices of one tower differ in that.
    """
    towers = [tower for tower in TOWERS if tower in set(table["tower"])]
    styles = model_styles(table["model"])
    figure = new_figure(2.5)
    panels = figure.subplots(1, len(towers), squeeze=False)[0]
    for axes, tower in zip(panels, towers, strict=True):
        _draw_tower(axes, table[table["tower"] == tower], styles)
        axes.set_title(f"{tower} tower")
        axes.set_xlabel("block")
    panels[0].set_ylabel("mean |cos|, times that of\nrandom Gaussian neurons")
    share_limits(panels)
    place_legend(figure, _handles(table, styles))
    return figure


def _draw_tower(axes: Axes, rows: pd.DataFrame, styles: dict[str, Style]) -> None:
    last = int(np.nanmax([*rows["block"].astype(float), 0])) + 1
    ratios = rows["avg_abs_cos_sim"] / rows["random_baseline"]
    for number, (model, style) in enumerate(styles.items()):
        shift = 0.06 * (number - (len(styles) - 1) / 2)
        for name, kind in KINDS.items():
            chosen = (rows["model"] == model) & (rows["kind"] == name)
            places = rows.loc[chosen, "block"].fillna(last).astype(float) + shift
            look = _choose_look(style, kind, kind.line)
            axes.plot(places, ratios[chosen], **look)
    bands = rows[["random_low", "random_high"]].div(rows["random_baseline"], axis=0)
    draw_random_baseline(axes, 1.0, bands["random_low"].min(), bands["random_high"].max())
    blocks = sorted({int(block) for block in rows["block"].dropna()})
    shown = blocks[:: -(-len(blocks) // 8)] if blocks else []
    axes.set_xticks([*shown, last], [*map(str, shown), "projection"])
    axes.margins(y=0.08)
    axes.set_xlim((blocks[0] if blocks else last) - 0.6, last + 0.6)


def _choose_look(style: Style, kind: Kind, line: Any) -> dict[str, Any]:
    """Settings of the marks of one model and kind."""
    return {
        "color": style.colour,
        "linestyle": line,
        "marker": style.marker,
        "markersize": 4.6,
        "markerfacecolor": "white" if kind.filling == "open" else style.colour,
        "markerfacecoloralt": "white",
        "fillstyle": "left" if kind.filling == "half" else "full",
    }


def _handles(table: pd.DataFrame, styles: dict[str, Style]) -> list:
    """The legend's entries: of the kinds that occur, with a line where there is one."""
    handles = [style_handle(style._replace(line="none"), model) for model, style in styles.items()]
    for name, kind in KINDS.items():
        rows = table[table["kind"] == name]
        if rows.empty:
            continue
        is_joined = rows.groupby("tower")["block"].nunique().max() > 1
        look = _choose_look(Style(MUTED, "o", ""), kind, kind.line if is_joined else "none")
        handles.append(Line2D([], [], label=kind.name, **look))
    return [*handles, baseline_handle("random Gaussian neurons, widest 95% band")]
