"""The verdicts at a glance: each claim's effect with its interval, beside the published value."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from lib.figures import BLACK, GREEN, MUTED, VERMILLION, Style, new_figure, place_legend, styled
from lib.statistics import CANNOT_BE_TOLD, DOES_NOT_HOLD, HOLDS

VERDICT_STYLES = {
    HOLDS: Style(GREEN, "o", "-"),
    DOES_NOT_HOLD: Style(VERMILLION, "s", "-"),
    CANNOT_BE_TOLD: Style(MUTED, "D", "-"),
}
CLAIMED = "#EAF4F0"
ROW, MARGIN, LEGEND = 0.17, 0.44, 0.6  # inches: a claim, a panel's axis, the legend
PUBLISHED = {"color": BLACK, "marker": "d", "markerfacecolor": "white", "linestyle": "none"}
OTHER = PUBLISHED | {"marker": "|", "markersize": 7}


@styled
def draw_claims(headlines: pd.DataFrame) -> Figure:
    """A panel for each unit, a line for each claim; the tinted side of zero is the claimed one.

    Args:
        headlines: from `claims.select_headlines`. Bars are 95% intervals; where there is none, the
            marker stands alone.
    """
    if headlines.empty:
        return _draw_nothing()
    units = list(dict.fromkeys(headlines["unit"]))
    groups = [headlines[headlines["unit"] == unit] for unit in units]
    heights = [ROW * len(rows) + MARGIN for rows in groups]
    figure = new_figure(LEGEND + sum(heights))
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, unit, rows in zip(panels, units, groups, strict=True):
        _draw_panel(axes, rows.to_dict("records"))
        axes.set_xlabel(unit)
    figure.align_xlabels()
    place_legend(figure, _handles(headlines))
    return figure


def name_claim(row: Mapping[str, Any]) -> str:
    """A claim on one line: "mean |cos| grows with Cs (similar, image)"."""
    places = [row["model"]] if row["experiment"] == 1 else [row["strategy"], row["projection"]]
    words = ", ".join(place for place in places if place)
    return f"{row['claim']} ({words})" if words else row["claim"]


def _draw_panel(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    for place, row in enumerate(rows):
        style = VERDICT_STYLES[row["verdict"]]
        if row["low"] <= row["high"]:
            axes.plot([row["low"], row["high"]], [place] * 2, color=style.colour, linewidth=1.6)
        filled = "white" if row["verdict"] == CANNOT_BE_TOLD else style.colour
        look = {"marker": style.marker, "markersize": 4.4, "markerfacecolor": filled}
        axes.plot(row["effect"], place, color=style.colour, linestyle="none", zorder=3, **look)
        if pd.notna(row["published_effect"]):
            axes.plot(row["published_effect"], place, **PUBLISHED, zorder=2.5)
        if pd.notna(row["published_other"]):
            axes.plot(row["published_other"], place, **OTHER, zorder=2.5)
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(rows)), [name_claim(row) for row in rows])
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    low, high = axes.get_xlim()
    claimed = (max(low, 0), high) if rows[0]["claimed_sign"] > 0 else (low, min(high, 0))
    axes.axvspan(*claimed, color=CLAIMED, linewidth=0, zorder=0)
    axes.set_xlim(low, high)


def _handles(headlines: pd.DataFrame) -> list:
    handles: list = []
    for name, style in VERDICT_STYLES.items():
        filled = "white" if name == CANNOT_BE_TOLD else style.colour
        look = {"color": style.colour, "marker": style.marker, "markerfacecolor": filled}
        handles.append(Line2D([], [], label=name, linewidth=1.6, markersize=4.4, **look))
    if headlines["published_effect"].notna().any():
        handles.append(Line2D([], [], label="published", **PUBLISHED))
    if headlines["published_other"].notna().any():
        handles.append(Line2D([], [], label="published, its own figure or table", **OTHER))
    return [*handles, Patch(color=CLAIMED, label="claimed side")]


def _draw_nothing() -> Figure:
    figure = new_figure(0.6)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, "There is no claim to judge.", ha="center", va="center")
    return figure
