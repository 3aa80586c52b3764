"""Panels of curves against Cs by model and strategy, with the pretrained models' levels."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib.figures import (
    Style,
    draw_crossed_curves,
    draw_pretrained_level,
    draw_random_baseline,
    set_cs_axis,
)
from lib.frames import RANDOM_LEVEL, cs_curve


def draw_cs_curves(
    axes: Axes,
    rows: pd.DataFrame,
    column: str,
    styles: Mapping[str, Style],
    lines: Mapping[str, tuple[Any, bool]],
    scale: float = 1.0,
    possible: tuple[float, float] = (-np.inf, np.inf),
) -> None:
    """Means over seeds of a column, with their 95% intervals; the x axis is the nominal Cs.

    Args:
        rows: what the panel shows of a table with model, strategy, cs and seed.
        styles, lines: from `model_styles` and `strategy_lines`.
        scale: of the axis, times the values.
        possible: the values that there can be, unscaled: an interval ends where they do.
    """
    curves = {}
    for model, strategy in itertools.product(styles, lines):
        cs, intervals = cs_curve(rows[rows["model"] == model], strategy, column)
        curves[model, strategy] = (cs, scale * np.clip(intervals, *possible))
    draw_crossed_curves(axes, curves, styles, lines)
    set_cs_axis(axes, cs)


def draw_random_levels(axes: Axes, rows: pd.DataFrame) -> None:
    """The level and band of random projections of each size that there is."""
    for level in rows[RANDOM_LEVEL].drop_duplicates().to_numpy():
        draw_random_baseline(axes, *level)


def draw_pretrained_levels(
    axes: Axes, rows: pd.DataFrame, column: str, styles: Mapping[str, Style], scale: float = 1.0
) -> None:
    """The level of each pretrained model, in the colour of its curves."""
    pretrained = rows[rows["strategy"] == "pretrained"]
    for model, value in zip(pretrained["model"], pretrained[column], strict=True):
        draw_pretrained_level(axes, scale * value, styles[model].colour)
