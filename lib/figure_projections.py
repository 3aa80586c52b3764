"""Projections side by side, of any models or heads: mean |cos|, and |cos| of pairs of neurons."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lib.figures import (
    BLACK,
    DASHES,
    GREY,
    INK,
    PRETRAINED_OUTLINE,
    SHORT_BASELINE_LINE,
    Style,
    baseline_handle,
    list_shades,
    model_styles,
    new_figure,
    place_legend,
    styled,
)
from lib.frames import RANDOM_LEVEL
from lib.random_projections import random_band, random_baseline

BINS = 40


@styled
def draw_projection_means(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Mean |cos| with its interval, a line a label and a panel a projection.

    Args:
        rows: label, projection, avg_abs_cos_sim with _low and _high, random_baseline with
            random_low and random_high; the first label of a projection stands on top.
    """
    labels = list(dict.fromkeys(row["label"] for row in rows))
    projections = list(dict.fromkeys(row["projection"] for row in rows))
    figure = new_figure(0.85 + 0.2 * len(labels))
    panels = figure.subplots(1, len(projections), squeeze=False, sharey=True)[0]
    for axes, projection in zip(panels, projections, strict=True):
        chosen = [row for row in rows if row["projection"] == projection]
        places = np.array([labels.index(row["label"]) for row in chosen])
        means, low, high = (
            np.array([row[f"avg_abs_cos_sim{end}"] for row in chosen])
            for end in ("", "_low", "_high")
        )
        axes.errorbar(means, places, xerr=[means - low, high - means], fmt="o", color=INK)
        baselines, random_low, random_high = (
            np.array([row[name] for row in chosen]) for name in RANDOM_LEVEL
        )
        width = random_high - random_low
        axes.barh(places, width, 0.76, random_low, color=GREY, linewidth=0, zorder=0.5)
        axes.vlines(
            baselines,
            places - 0.38,
            places + 0.38,
            color=BLACK,
            linewidth=0.9,
            linestyle=SHORT_BASELINE_LINE,
        )
        axes.set_title(f"{projection} projection")
        axes.set_xlabel("mean |cos| between neurons")
        axes.set_xlim(0, 1.12 * max(*high, *baselines))
    panels[0].set_yticks(range(len(labels)), map(name_label, labels))
    panels[0].set_ylim(len(labels) - 0.5, -0.5)
    dots = Line2D([], [], color=INK, marker="o", linestyle="none", label="mean, 95% interval")
    place_legend(
        figure, [dots, baseline_handle("random Gaussian projection of that shape, 95% band")]
    )
    return figure


@styled
def draw_projection_histograms(
    magnitudes: Mapping[tuple[str, str], tuple[np.ndarray, int]],
) -> Figure:
    """The distribution of |cos| over pairs of neurons, an outline a label and a panel a projection.

    Args:
        magnitudes: by label and projection, |cos| between neurons (dim, dim), and the width of
            the projection.
    """
    projections = list(dict.fromkeys(projection for _, projection in magnitudes))
    styles = choose_styles(dict.fromkeys(label for label, _ in magnitudes))
    figure = new_figure(2.2 + 0.12 * (len(styles) // 4))
    panels = figure.subplots(1, len(projections), squeeze=False)[0]
    for axes, projection in zip(panels, projections, strict=True):
        chosen = {label: found for (label, one), found in magnitudes.items() if one == projection}
        _draw_outlines(axes, chosen, styles)
        axes.set_title(f"{projection} projection")
        axes.set_xlabel("|cos| of two neurons")
    panels[0].set_ylabel("density")
    handles = [
        Line2D([], [], color=style.colour, linestyle=style.line, label=name_label(label))
        for label, style in styles.items()
    ]
    place_legend(
        figure, [*handles, baseline_handle("mean of a random Gaussian projection, 95% band")]
    )
    return figure


def find_cs(label: str) -> float | None:
    """The Cs that a label names in per cent, as "Cs30" does; None where it names none."""
    match = re.fullmatch(r"Cs(\d{1,2}|100)", label)
    return int(match[1]) / 100 if match else None


def name_label(label: str) -> str:
    """A label as figures have it: "Cs = 0.3" for "Cs30"."""
    cs = find_cs(label)
    return label if cs is None else f"Cs = {cs:g}"


def choose_styles(labels: Iterable[str]) -> dict[str, Style]:
    """A style for each label: from dark to light by Cs, where labels name some; else its own."""
    styles = model_styles(labels)
    levels = sorted((find_cs(label), label) for label in styles if find_cs(label) is not None)
    if levels and "pretrained" in styles:
        styles["pretrained"] = Style(BLACK, "", PRETRAINED_OUTLINE)
    for number, ((_, label), shade) in enumerate(
        zip(levels, list_shades(len(levels)), strict=True)
    ):
        styles[label] = Style(shade, "", DASHES[number % len(DASHES)])
    return styles


def _draw_outlines(axes: Axes, chosen: Mapping[str, Any], styles: Mapping[str, Any]) -> None:
    """Outlines of one projection, in bins that all of them share."""
    pairs = {
        label: magnitudes[np.triu_indices(len(magnitudes), k=1)]
        for label, (magnitudes, _) in chosen.items()
    }
    edges = np.linspace(0, max(values.max() for values in pairs.values()) or 1, BINS + 1)
    for label, values in pairs.items():
        heights, _ = np.histogram(values, edges, density=True)
        style = styles[label]
        axes.stairs(heights, edges, color=style.colour, linestyle=style.line, linewidth=1.1)
    for width, dim in sorted({(width, len(each)) for each, width in chosen.values()}):
        # the band is about as thin as a line: over all of it, the line of the mean would hide it
        axes.axvspan(*random_band(width, dim), color=GREY, linewidth=0, zorder=0.8)
        look = {"color": BLACK, "linewidth": 0.8, "linestyle": SHORT_BASELINE_LINE}
        axes.axvline(random_baseline(width), ymin=0.9, zorder=1.5, **look)
    axes.set_xlim(0, edges[-1])
