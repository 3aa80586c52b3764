"""Mean |cos| between neurons through the depth of the towers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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

LINES = {"attention": ("-", True), "mlp": (DASHES[1], False)}
NAMES = {"attention": "output of attention", "mlp": "output of the MLP"}


@styled
def draw_layers(table: pd.DataFrame) -> Figure:
    """A panel for each tower; lines by model (colour) and matrix (line), the projection last.

    Args:
        table: layers.csv. The y axis is mean |cos| as a multiple of what random Gaussian neurons of
            as many weights have: matrices of one tower differ in that.
    """
    towers = list(table["tower"].unique())
    styles = model_styles(table["model"])
    figure = new_figure(2.5)
    panels = figure.subplots(1, len(towers), squeeze=False)[0]
    for axes, tower in zip(panels, towers, strict=True):
        _draw_tower(axes, table[table["tower"] == tower], styles)
        axes.set_title(f"{tower} tower")
        axes.set_xlabel("block")
    panels[0].set_ylabel("mean |cos|, times that of\nrandom Gaussian neurons")
    share_limits(panels)
    handles = [style_handle(style._replace(line="none"), model) for model, style in styles.items()]
    handles += [
        style_handle(Style(MUTED, "o", *LINES[kind][:1]), NAMES[kind], LINES[kind][1])
        for kind in LINES
    ]
    place_legend(figure, [*handles, baseline_handle("random Gaussian neurons, widest 95% band")])
    return figure


def _draw_tower(axes: Axes, rows: pd.DataFrame, styles: dict[str, Style]) -> None:
    last = int(np.nanmax([*rows["block"].astype(float), 0])) + 1
    ratios = rows["avg_abs_cos_sim"] / rows["random_baseline"]
    for number, (model, style) in enumerate(styles.items()):
        shift = 0.06 * (number - (len(styles) - 1) / 2)
        for kind, (line, is_filled) in {**LINES, "projection": ("none", True)}.items():
            chosen = (rows["model"] == model) & (rows["kind"] == kind)
            axes.plot(
                rows.loc[chosen, "block"].fillna(last).astype(float) + shift,
                ratios[chosen],
                color=style.colour,
                marker=style.marker,
                linestyle=line,
                markerfacecolor=style.colour if is_filled else "white",
            )
    bands = rows[["random_low", "random_high"]].div(rows["random_baseline"], axis=0)
    draw_random_baseline(axes, 1.0, bands["random_low"].min(), bands["random_high"].max())
    blocks = sorted({int(block) for block in rows["block"].dropna()})
    shown = blocks[:: -(-len(blocks) // 8)] if blocks else []
    axes.set_xticks([*shown, last], [*map(str, shown), "projection"])
    axes.set_xlim((blocks[0] if blocks else last) - 0.6, last + 0.6)
