"""Scenes of the corpus with raw caption, rewrite and swapped caption."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from lib.figures import INK, MUTED, TEXT_WIDTH, VERMILLION, styled

COLUMNS = 2
ROWS = 6
IMAGE = 0.62  # inches, as are all lengths here
LINE = 0.125
LETTERS = 29  # a line of text
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
    """A list of scenes in two columns, filled column by column.

    A caption that changed stands in colour under a bold name, where one that did not says so.
    """
    texts = [_list_texts(scene) for scene in scenes]
    lines = max(sum(text.count("\n") + 1 for _, text, _ in each) for each in texts)
    cell = max(IMAGE, lines * LINE) + 0.12
    rows = -(-len(scenes) // COLUMNS)
    figure = Figure(figsize=(TEXT_WIDTH, rows * cell))
    for number, (scene, captions) in enumerate(zip(scenes, texts, strict=True)):
        column, row = divmod(number, rows)
        left, top = column * TEXT_WIDTH / COLUMNS, (rows - row) * cell - 0.06
        _show_image(figure, scene.image, left, top)
        for name, text, colour in captions:
            weight = "bold" if colour == VERMILLION else "normal"
            for x, words, look in (
                (0.1 + IMAGE, name, {"color": MUTED if weight == "normal" else colour}),
                (0.56 + IMAGE, text, {"color": colour, "linespacing": 1.05}),
            ):
                weight_here = weight if words is name else "normal"
                _write(figure, left + x, top, words, fontweight=weight_here, **look)
            top -= LINE * (text.count("\n") + 1)
    return figure


def _list_texts(scene: Scene) -> list[tuple[str, str, str]]:
    """Name, text and colour of what is written beside a scene, from top to bottom."""
    texts = [("raw", _shorten(scene.raw), INK)]
    if scene.rewrite is not None:
        texts.append(("rewrite", _shorten(scene.rewrite), INK))
    if scene.swapped == scene.raw:
        return [*texts, ("swap", "none, the raw caption stays", MUTED)]
    return [*texts, ("swap", _shorten(scene.swapped), VERMILLION)]


def _show_image(figure: Figure, image: Image.Image, left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    box = ((left + 0.02) / width, (top - IMAGE) / height, IMAGE / width, IMAGE / height)
    axes = figure.add_axes(box, anchor="NW")
    axes.imshow(image, interpolation="nearest")
    axes.set_axis_off()


def _write(figure: Figure, left: float, top: float, words: str, **look: Any) -> None:
    width, height = figure.get_size_inches()
    figure.text(left / width, top / height, words, va="top", fontsize=7, **look)


def _shorten(text: str) -> str:
    """At most `LINES` lines of `LETTERS` letters; words longer than a line are broken."""
    return textwrap.fill(text, LETTERS, max_lines=LINES, placeholder=" …") or "(empty)"
