"""Cosines between neurons: how their distribution widens with Cs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lib.figures import (
    BLACK,
    DASHES,
    GREY,
    PRETRAINED_OUTLINE,
    list_shades,
    name_strategy,
    new_figure,
    place_legend,
    styled,
)
from lib.heads import Head
from lib.purity import neuron_cosines

BIN = 0.02


class LabelledHead(NamedTuple):
    """A head with what it was trained on; strategies are as in misalignment.csv."""

    strategy: str
    cs: float | None
    head: Head


@styled
def draw_histograms(heads: Sequence[LabelledHead]) -> Figure:
    """Panels by strategy (rows) and projection (columns), an outline a head.

    The y axis is the share of the pairs of neurons in each bin of width 0.02.

    Args:
        heads: of one model: pretrained, control ("none"), and one for each strategy and Cs. The
            grey area is the density of the cosine of two random Gaussian neurons of that width.
    """
    strategies = dict.fromkeys(item.strategy for item in heads)
    strategies = [s for s in strategies if s not in ("pretrained", "none")] or ["none"]
    figure = new_figure(0.75 + 1.65 * len(strategies))
    grid = figure.subplots(len(strategies), 2, squeeze=False, sharex=True, sharey="col")
    looks = _choose_looks([item.cs for item in heads if item.cs is not None])
    limit = _find_limit([matrix for item in heads for matrix in item.head.projections().values()])
    for panels, strategy in zip(grid, strategies, strict=True):
        chosen = [item for item in heads if item.strategy in ("pretrained", "none", strategy)]
        for axes, name in zip(panels, heads[0].head.projections(), strict=True):
            projections = [(item.cs, item.head.projections()[name]) for item in chosen]
            _draw_panel(axes, projections, looks, limit)
            if axes in grid[0]:
                axes.set_title(f"{name} projection")
        panels[0].set_ylabel(f"{name_strategy(strategy)}\npairs of neurons (%)")
    for axes in grid[-1]:
        axes.set_xlabel("cosine of two neurons")
    place_legend(figure, _handles(looks))
    return figure


def _draw_panel(
    axes: Axes, projections: Sequence[tuple[float | None, np.ndarray]], looks: dict, limit: float
) -> None:
    edges = np.arange(-round(limit / BIN), round(limit / BIN) + 1) * BIN
    width = len(projections[0][1])
    expected = 100 * _random_shares(edges, width)
    axes.stairs(expected, edges, fill=True, color=GREY, zorder=1)
    for cs, projection in projections:
        cosines = neuron_cosines(projection)
        pairs = cosines[np.triu_indices(len(cosines), k=1)]
        shares = 100 * np.histogram(pairs, edges)[0] / len(pairs)
        axes.stairs(shares, edges, baseline=None, **looks[cs], zorder=3)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(bottom=0)


def _find_limit(projections: Sequence[np.ndarray]) -> float:
    """Where the x axis ends: it holds at least 99.8% of the pairs of every projection."""
    quantiles = []
    for projection in projections:
        cosines = np.abs(neuron_cosines(projection))
        quantiles.append(np.quantile(cosines[np.triu_indices(len(cosines), k=1)], 0.998))
    return min(1.0, BIN * np.ceil(max(quantiles) / BIN + 1))


def _random_shares(edges: np.ndarray, width: int) -> np.ndarray:
    """Share of random cosines in each bin; their density is (1 - c**2) ** ((width - 3) / 2)."""
    from scipy.special import stdtr  # imported late, as in lib.statistics

    degrees = width - 1
    inner = np.clip(edges, -1 + 1e-12, 1 - 1e-12)
    return np.diff(stdtr(degrees, inner * np.sqrt(degrees / (1 - inner**2))))


def _choose_looks(values: Sequence[float]) -> dict[float | None, dict]:
    """Pretrained black and dotted; then from dark to light, with lines of their own, by Cs."""
    levels = sorted(set(values))
    looks: dict[float | None, dict] = {None: {"color": BLACK, "linestyle": PRETRAINED_OUTLINE}}
    for number, (level, shade) in enumerate(zip(levels, list_shades(len(levels)), strict=True)):
        looks[level] = {"color": shade, "linestyle": DASHES[number % len(DASHES)]}
    return {level: look | {"linewidth": 1.1} for level, look in looks.items()}


def _handles(looks: dict) -> list:
    handles: list = []
    for level, look in looks.items():
        label = "pretrained" if level is None else f"Cs = {level:g}"
        handles.append(Line2D([], [], label=f"{label} (control)" if level == 0 else label, **look))
    return [*handles, Patch(color=GREY, label="random Gaussian projection")]
