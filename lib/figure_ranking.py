"""Whether the mean |cos| between neurons ranks their true purity, over runs of the simulation."""

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from lib.figures import (
    BASELINE_LINE,
    BLACK,
    MUTED,
    Style,
    new_figure,
    place_legend,
    style_handle,
    styled,
)

MARKS = {"raw": ("o", True), "filtered": ("s", False)}
PANELS = {
    "raw": ("raw captions", ["raw, across p", "raw, within p"]),
    "all": ("raw and filtered captions", ["raw and filtered, across p"]),
}


@styled
def draw_ranking(table: pd.DataFrame, ranking: pd.DataFrame) -> Figure:
    """True purity against mean |cos|, a mark a run: raw runs, and all runs.

    Args:
        table: simulation.csv.
        ranking: ranking.csv, whose correlations stand above the panels.
    """
    figure = new_figure(3.3)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    trained = table[table["data"] != "untrained"]
    norm = Normalize(0, max(trained["p"].max(), 0.01))
    for axes, (kind, (title, scopes)) in zip(panels, PANELS.items(), strict=True):
        rows = trained if kind == "all" else trained[trained["data"] == "raw"]
        points = _draw_runs(axes, rows, norm)
        axes.axvline(
            table["random_baseline"].iloc[0], color=BLACK, linewidth=0.8, linestyle=BASELINE_LINE
        )
        axes.set_title(f"{title}\n{_describe(ranking, scopes)}")
        axes.set_xlabel("mean |cos| between neurons")
    panels[0].set_ylabel("true purity\n(largest |cos| with a concept)")
    figure.colorbar(points, ax=panels, label="probability p of a spurious partner")
    handles = [
        style_handle(Style(MUTED, marker, "none"), f"{data} captions", filled)
        for data, (marker, filled) in MARKS.items()
    ]
    handles.append(style_handle(Style(BLACK, "", BASELINE_LINE), "random neurons"))
    place_legend(figure, handles)
    return figure


def _draw_runs(axes: Axes, rows: pd.DataFrame, norm: Normalize):
    colours = matplotlib.colormaps["viridis"]
    for data, (marker, filled) in MARKS.items():
        chosen = rows[rows["data"] == data]
        shades = colours(norm(chosen["p"]))
        axes.scatter(
            chosen["mean_abs_cos"],
            chosen["true_purity"],
            s=18,
            marker=marker,
            facecolors=shades if filled else "none",
            edgecolors=shades,
            linewidths=0.9,
        )
    return matplotlib.cm.ScalarMappable(norm, colours)


def _describe(ranking: pd.DataFrame, scopes: list[str]) -> str:
    parts = []
    for scope in scopes:
        row = ranking[ranking["scope"] == scope].iloc[0]
        interval = f"[{row['low']:.2f}, {row['high']:.2f}]"
        parts.append(f"{scope.rpartition(', ')[2]}: {row['estimate']:.2f} {interval}")
    return "Spearman's correlation\n" + "\n".join(parts)
