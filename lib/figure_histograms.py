"""Cosines between neurons: how their distribution widens with Cs."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lib.figures import BLACK, DASHES, GREY, name_strategy, new_figure, place_legend, styled
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
    strategies = list(dict.fromkeys(h.strategy for h in heads)) or ["none"]
    strategies = [s for s in strategies if s not in ("pretrained", "none")] or ["none"]
    figure = new_figure(0.75 + 1.65 * len(strategies))
    grid = figure.subplots(len(strategies), 2, squeeze=False, sharex="col", sharey="col")
    looks = _choose_looks([head.cs for head in heads if head.cs is not None])
    limits = [
        _find_limit([getattr(item.head, name) for item in heads]) for name in Head._fields[:2]
    ]
    for panels, strategy in zip(grid, strategies, strict=True):
        chosen = [head for head in heads if head.strategy in ("pretrained", "none", strategy)]
        for axes, name, limit in zip(panels, ("image", "text"), limits, strict=True):
            _draw_panel(axes, chosen, f"{name}_projection", looks, limit)
            if axes in grid[0]:
                axes.set_title(f"{name} projection")
        panels[0].set_ylabel(f"{name_strategy(strategy)}\npairs of neurons (%)")
    for axes in grid[-1]:
        axes.set_xlabel("cosine of two neurons")
    place_legend(figure, _handles(looks))
    return figure


def _draw_panel(
    axes: Axes, heads: Sequence[LabelledHead], field: str, looks: dict, limit: float
) -> None:
    edges = np.arange(-round(limit / BIN), round(limit / BIN) + 1) * BIN
    width = len(getattr(heads[0].head, field))
    expected = 100 * _random_shares(edges, width)
    axes.stairs(expected, edges, fill=True, color=GREY, zorder=1)
    for item in heads:
        cosines = neuron_cosines(getattr(item.head, field))
        pairs = cosines[np.triu_indices(len(cosines), k=1)]
        shares = 100 * np.histogram(pairs, edges)[0] / len(pairs)
        axes.stairs(shares, edges, baseline=None, **looks[item.cs], zorder=3)
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
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.82, len(levels)))
    looks: dict[float | None, dict] = {None: {"color": BLACK, "linestyle": (0, (1, 1.2)), "lw": 1}}
    for number, (level, shade) in enumerate(zip(levels, shades, strict=True)):
        line = DASHES[number % len(DASHES)]
        looks[level] = {"color": tuple(shade), "linestyle": line, "lw": 1.1}
    return looks


def _handles(looks: dict) -> list:
    handles: list = []
    for level, look in looks.items():
        label = "pretrained" if level is None else f"Cs = {level:g}"
        handles.append(Line2D([], [], label=f"{label} (control)" if level == 0 else label, **look))
    return [*handles, Patch(color=GREY, label="random Gaussian projection")]
