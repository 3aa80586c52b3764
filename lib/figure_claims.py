"""The verdicts at a glance: each claim's effect with its interval, beside the published value."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from lib.figures import (
    BLACK,
    GREEN,
    INK,
    MUTED,
    VERMILLION,
    Style,
    new_figure,
    place_legend,
    styled,
    typeset_minus,
)
from lib.statistics import CANNOT_BE_TOLD, DOES_NOT_HOLD, HOLDS

VERDICT_STYLES = {
    HOLDS: Style(GREEN, "o", "-"),
    DOES_NOT_HOLD: Style(VERMILLION, "s", "-"),
    CANNOT_BE_TOLD: Style(MUTED, "D", "-"),
}
CLAIMED = "#EAF4F0"
ROW, MARGIN, LEGEND = 0.17, 0.44, 0.6  # inches: a claim, a panel's axis, the legend
UNITS = {"%": "% of the control"}  # those that need more words here than in the table
PUBLISHED = {"color": BLACK, "marker": "d", "markerfacecolor": "white", "linestyle": "none"}
OTHER = PUBLISHED | {"marker": "|", "markersize": 7}
LOOKS = {"published_effect": PUBLISHED, "published_other": OTHER}
BEYOND = {"color": BLACK, "markersize": 4, "markerfacecolor": "white", "linestyle": "none"}
OWN = {"color": INK, "marker": "o", "markersize": 2.4, "markerfacecolor": "white"}
OWN |= {"markeredgewidth": 0.6, "linestyle": "none"}
BESIDE = 0.3  # rows: how far below the mean the effects of single models stand


@styled
def draw_claims(headlines: pd.DataFrame, claims: pd.DataFrame) -> Figure:
    """A panel for each unit, a line for each claim; the tinted side of zero is the claimed one.

    What was measured sets the axes: a published value beyond them is a number at the edge.

    Args:
        headlines: from `claims.select_headlines`. Bars are 95% intervals; where there is none, the
            marker stands alone.
        claims: all rows of claims.csv; small marks are the effects of single models there.
    """
    if headlines.empty:
        return _draw_nothing()
    rows = [row | {"own": list_own_effects(claims, row)} for row in headlines.to_dict("records")]
    units = dict.fromkeys(row["unit"] for row in rows)
    groups = {unit: [row for row in rows if row["unit"] == unit] for unit in units}
    heights = [ROW * len(group) + MARGIN for group in groups.values()]
    figure = new_figure(LEGEND + sum(heights))
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (unit, group) in zip(panels, groups.items(), strict=True):
        _draw_panel(axes, group)
        axes.set_xlabel(UNITS.get(unit, unit))
    figure.align_xlabels()
    is_any_beyond = any(axes.texts for axes in panels)
    place_legend(figure, _handles(rows, is_any_beyond))
    return figure


def name_claim(row: Mapping[str, Any]) -> str:
    """A claim on one line: "mean |cos| grows with Cs (similar, image)"."""
    places = [row["model"]] if row["experiment"] == 1 else [row["strategy"], row["projection"]]
    words = ", ".join(place for place in places if place)
    return f"{row['claim']} ({words})" if words else row["claim"]


def list_own_effects(claims: pd.DataFrame, row: Mapping[str, Any]) -> list[float]:
    """The effects of the single models that a row averages over; none where it is of one model."""
    same = (claims["model"] != "") & (claims["dataset"] == row["dataset"])
    for name in ("experiment", "claim", "strategy", "projection", "recipe"):
        same &= claims[name] == row[name]
    effects = list(claims.loc[same, "effect"])
    return effects if not row["model"] and len(effects) > 1 else []


def _draw_panel(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    low, high = limits = find_limits(rows)
    for place, row in enumerate(rows):
        style = VERDICT_STYLES[row["verdict"]]
        if row["low"] <= row["high"]:
            axes.plot([row["low"], row["high"]], [place] * 2, color=style.colour, linewidth=1.6)
        filled = "white" if row["verdict"] == CANNOT_BE_TOLD else style.colour
        look = {"marker": style.marker, "markersize": 4.4, "markerfacecolor": filled}
        axes.plot(row["effect"], place, color=style.colour, linestyle="none", zorder=3, **look)
        axes.plot(row["own"], [place + BESIDE] * len(row["own"]), zorder=2.8, **OWN)
        _draw_published(axes, place, row, limits)
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(rows)), [name_claim(row) for row in rows])
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    claimed = (0, high) if rows[0]["claimed_sign"] > 0 else (low, 0)
    axes.axvspan(*claimed, color=CLAIMED, linewidth=0, zorder=0)
    axes.set_xlim(low, high)


def find_limits(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The ends of the x axis: zero, all effects and their intervals lie between, with some room.

    Where a published value lies beyond them, there is room for its number.
    """
    values = [0.0]
    for row in rows:
        values += [row["effect"], *row["own"]]
        values += [bound for bound in (row["low"], row["high"]) if pd.notna(bound)]
    low, high = min(values), max(values)
    room = 0.08 * ((high - low) or 1)
    low, high = low - room, high + room
    published = [row[name] for row in rows for name in LOOKS if pd.notna(row[name])]
    for_numbers = 0.5 * (high - low)
    return (
        low - for_numbers * any(value < low for value in published),
        high + for_numbers * any(value > high for value in published),
    )


def _draw_published(
    axes: Axes, place: int, row: Mapping[str, Any], limits: tuple[float, float]
) -> None:
    """Published values: marks inside the limits, else an arrow at the edge with their numbers."""
    low, high = limits
    below, above = [], []
    for value, look in ((row[name], look) for name, look in LOOKS.items() if pd.notna(row[name])):
        if low <= value <= high:
            axes.plot(value, place, zorder=2.5, **look)
        else:
            (below if value < low else above).append(value)
    for edge, arrow, side, values in ((low, "<", "left", below), (high, ">", "right", above)):
        if values:
            axes.plot(edge, place, marker=arrow, clip_on=False, zorder=2.5, **BEYOND)
            numbers = ", ".join(f"{value:+.3g}" for value in values)
            words = {"ha": side, "va": "center", "textcoords": "offset points", "fontsize": 6.5}
            shift = (5 if side == "left" else -5, 0)
            axes.annotate(typeset_minus(numbers), (edge, place), xytext=shift, **words)


def _handles(rows: Sequence[Mapping[str, Any]], is_any_beyond: bool) -> list:
    handles: list = []
    for name, style in VERDICT_STYLES.items():
        filled = "white" if name == CANNOT_BE_TOLD else style.colour
        look = {"color": style.colour, "marker": style.marker, "markerfacecolor": filled}
        handles.append(Line2D([], [], label=name, linewidth=1.6, markersize=4.4, **look))
    if any(row["own"] for row in rows):
        handles.append(Line2D([], [], label="each model alone", **OWN))
    if any(pd.notna(row["published_effect"]) for row in rows):
        handles.append(Line2D([], [], label="published", **PUBLISHED))
    if any(pd.notna(row["published_other"]) for row in rows):
        handles.append(Line2D([], [], label="published, its own figure or table", **OTHER))
    if is_any_beyond:
        handles.append(Line2D([], [], label="beyond the axis", marker=">", **BEYOND))
    return [*handles, Patch(color=CLAIMED, label="claimed side")]


def _draw_nothing() -> Figure:
    figure = new_figure(0.6)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, "There is no claim to judge.", ha="center", va="center")
    return figure
