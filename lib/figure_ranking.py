"""Whether the mean |cos| between neurons ranks their true purity, over runs of the simulation."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from lib.figures import (
    BASELINE_LINE,
    BLACK,
    MUTED,
    SHADES,
    Style,
    new_figure,
    place_legend,
    style_handle,
    styled,
    typeset_minus,
)

MARKS = {"raw": ("o", True), "filtered": ("s", False)}
PANELS = {
    "raw": ("raw captions", ["raw, across p", "raw, within p"]),
    "all": ("raw and filtered captions", ["raw and filtered, across p"]),
}


@styled
def draw_ranking(table: pd.DataFrame, ranking: pd.DataFrame) -> Figure:
    """What true purity lacks to 1 against mean |cos|, a mark a run: raw runs, and all runs.

    That axis is logarithmic, for most runs are nearly pure, unless some run is perfectly so; the
    purest stand on top.

    Args:
        table: simulation.csv.
        ranking: ranking.csv, whose correlations stand in the panels.
    """
    figure = new_figure(3.0)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    trained = table[table["data"] != "untrained"]
    norm = Normalize(0, max(trained["p"].max(), 0.01))
    for axes, (kind, (title, _)) in zip(panels, PANELS.items(), strict=True):
        rows = trained if kind == "all" else trained[trained["data"] == "raw"]
        _draw_runs(axes, rows, norm)
        axes.axvline(
            table["random_baseline"].iloc[0], color=BLACK, linewidth=0.8, linestyle=BASELINE_LINE
        )
        axes.set_title(title)
        axes.set_xlabel("mean |cos| between neurons")
    _set_purity_axis(panels[0], 1 - trained["true_purity"])
    for axes, (_, scopes) in zip(panels, PANELS.values(), strict=True):
        _write_correlations(axes, ranking, scopes)
    points = ScalarMappable(norm, SHADES)
    figure.colorbar(points, ax=panels, label="probability p of a spurious partner")
    handles = [
        style_handle(Style(MUTED, marker, "none"), f"{data} captions", filled)
        for data, (marker, filled) in MARKS.items()
    ]
    handles.append(style_handle(Style(BLACK, "", BASELINE_LINE), "random neurons"))
    place_legend(figure, handles)
    return figure


def _draw_runs(axes: Axes, rows: pd.DataFrame, norm: Normalize) -> None:
    for data, (marker, filled) in MARKS.items():
        chosen = rows[rows["data"] == data]
        shades = SHADES(norm(chosen["p"]))
        axes.scatter(
            chosen["mean_abs_cos"],
            1 - chosen["true_purity"],
            s=18,
            marker=marker,
            facecolors=shades if filled else "none",
            edgecolors=shades,
            linewidths=0.9,
        )


def _set_purity_axis(axes: Axes, impurities: pd.Series) -> None:
    """The y axis of both panels, with the purest on top; a logarithm has no place for zero."""
    axes.set_ylabel("1 \N{MINUS SIGN} true purity\n(largest |cos| with a concept)")
    if impurities.min() > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    axes.invert_yaxis()


def _write_correlations(axes: Axes, ranking: pd.DataFrame, scopes: list[str]) -> None:
    """Spearman's correlations with their intervals, where the panel has room for them."""
    lines = []
    for scope in scopes:
        row = ranking[ranking["scope"] == scope].iloc[0]
        numbers = typeset_minus(f"{row['estimate']:.2f} [{row['low']:.2f}, {row['high']:.2f}]")
        lines.append(
            Line2D([], [], linestyle="none", label=f"{scope.rpartition(', ')[2]}: {numbers}")
        )
    look = {"handlelength": 0, "handletextpad": 0, "fontsize": 7, "title_fontsize": 7}
    axes.legend(handles=lines, title="Spearman's correlation", loc="best", alignment="left", **look)
