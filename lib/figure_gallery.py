"""Scenes of the corpus with raw caption, rewrite and swapped caption."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from lib.figures import INK, MUTED, VERMILLION, new_figure, styled

COLUMNS = 2
ROWS = 6
LETTERS = 36  # a line of text
LINES = 2  # a caption; what is longer ends in an ellipsis


class Scene(NamedTuple):
    """One pair: its image, its caption, that caption's first rewrite, and what it was given."""

    image: Image.Image
    raw: str
    rewrite: str | None
    swapped: str


def choose_rows(changed: np.ndarray, count: int = COLUMNS * ROWS) -> list[int]:
    """Rows to show: half of them with another text than before, as far as there are such.

    Args:
        changed: (n,) whether a row's text changed.

    Returns:
        At most `count` rows, those that changed first, each kind in corpus order.
    """
    with_change, without = np.flatnonzero(changed), np.flatnonzero(~np.asarray(changed, bool))
    first = with_change[: max(count // 2, count - len(without))]
    return [*first.tolist(), *without[: count - len(first)].tolist()]


@styled
def draw_gallery(scenes: Sequence[Scene]) -> Figure:
    """A list of scenes in two columns, filled column by column."""
    rows = -(-len(scenes) // COLUMNS)
    lines = 2 + max((3 * LINES if _is_long(scene) else 3) for scene in scenes)
    figure = new_figure(rows * (0.115 * lines + 0.06))
    grid = figure.add_gridspec(rows, 2 * COLUMNS, width_ratios=[1, 2.9] * COLUMNS)
    for number, scene in enumerate(scenes):
        column, row = divmod(number, rows)
        picture = figure.add_subplot(grid[row, 2 * column])
        picture.imshow(scene.image, interpolation="nearest")
        picture.set_axis_off()
        _write_captions(figure.add_subplot(grid[row, 2 * column + 1]), scene)
    return figure


def _write_captions(axes: Axes, scene: Scene) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(1, 0))
    is_changed = scene.swapped != scene.raw
    swapped = scene.swapped if is_changed else "kept"
    texts = [("raw", scene.raw, INK), ("rewrite", scene.rewrite, INK)]
    texts += [("swapped" if is_changed else "swap", swapped, VERMILLION if is_changed else MUTED)]
    texts = [(name, _shorten(text), colour) for name, text, colour in texts if text is not None]
    total = sum(text.count("\n") + 1 for _, text, _ in texts)
    step = 1 / max(total + 1, 4)
    place = 0.5 - step * total / 2
    for name, text, colour in texts:
        look = {"va": "top", "fontsize": 7}
        axes.text(0, place, name, color=MUTED, **look)
        weight = "bold" if colour == VERMILLION else "normal"
        axes.text(0.23, place, text, color=colour, fontweight=weight, **look)
        place += step * (text.count("\n") + 1)


def _is_long(scene: Scene) -> bool:
    return any(len(text or "") > LETTERS for text in (scene.raw, scene.rewrite, scene.swapped))


def _shorten(text: str) -> str:
    """At most `LINES` lines of `LETTERS` letters; words longer than a line are broken."""
    return textwrap.fill(text, LETTERS, max_lines=LINES, placeholder=" …") or "(empty)"
