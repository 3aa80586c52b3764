"""Image embeddings of one dataset by class, for every model, on their two main axes."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lib.figures import (
    BLACK,
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    new_figure,
    place_legend,
    styled,
    typeset_minus,
)
from lib.silhouette import silhouette_score

CLASSES = 8  # at most so many can be told apart
POINTS = 1000
LOOKS = tuple(
    zip(
        (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, MUTED),
        ("o", "s", "^", "D", "v", "P", "X", "*"),
        strict=True,
    )
)
# A class with such a word in its name has that colour: blue dots named "red" would mislead.
COLOUR_WORDS = {
    "red": "#D62828",
    "orange": ORANGE,
    "yellow": "#F0E442",
    "green": GREEN,
    "cyan": "#00B8C8",
    "blue": BLUE,
    "purple": "#7B3FA0",
    "violet": "#7B3FA0",
    "magenta": "#C2187E",
    "pink": "#F48FB1",
    "brown": "#8B5A2B",
    "beige": "#E3D2A8",
    "white": "#FFFFFF",
    "grey": "#8C8C8C",
    "gray": "#8C8C8C",
    "black": BLACK,
}
PALE = {COLOUR_WORDS[word] for word in ("yellow", "beige", "white")}  # these have a dark edge


class Look(NamedTuple):
    """How a class is drawn; the marker tells apart classes of one colour."""

    colour: str
    marker: str
    edge: str


class Embedded(NamedTuple):
    """Embeddings of a dataset's images by one model: (n, dim) unit rows."""

    model: str
    embeddings: np.ndarray


@styled
def draw_embeddings(
    models: Sequence[Embedded], labels: np.ndarray, classes: Sequence[str]
) -> Figure:
    """A panel a model: principal components 1 and 2 of the embeddings, coloured by class.

    Where there are more than 8 classes, 8 are shown, spread evenly over the list. Components are
    found on the points shown, at most 1,000 and as many of each class; the silhouette in the title
    is that of all images in all dimensions.

    Args:
        models: embeddings of the same images.
        labels: (n,) class numbers.
        classes: their names.
    """
    places = np.linspace(0, len(classes) - 1, min(CLASSES, len(classes))).round()
    shown = np.unique(places).astype(int)
    rows = [np.flatnonzero(labels == number)[: POINTS // len(shown)] for number in shown]
    rows = np.concatenate(rows)
    columns = min(2, len(models))
    lines = -(-len(models) // columns)
    figure = new_figure(0.75 + lines * (5.2 / max(columns, 2)))
    names = [classes[number] for number in shown]
    looks = choose_looks(names)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, item in zip(grid, models, strict=False):
        _draw_panel(axes, item.embeddings[rows], labels[rows], dict(zip(shown, looks, strict=True)))
        score = silhouette_score(item.embeddings, labels)
        axes.set_title(f"{item.model}, silhouette {typeset_minus(f'{score:.3f}')}")
    for axes in grid[len(models) :]:
        axes.set_visible(False)
    place_legend(figure, _handles(names, looks), "bottom")
    if len(shown) < len(classes):
        figure.suptitle(f"{len(shown)} of {len(classes)} classes shown", fontsize=7.5, color=MUTED)
    return figure


def choose_looks(names: Sequence[str]) -> list[Look]:
    """A look for each class: of the colour that its name holds, else of its place."""
    looks = []
    for name, (colour, marker) in zip(names, LOOKS, strict=False):
        words = [word for word in re.findall("[a-z]+", name.lower()) if word in COLOUR_WORDS]
        colour = COLOUR_WORDS[words[0]] if words else colour
        looks.append(Look(colour, marker, INK if colour in PALE else "none"))
    return looks


def principal_components(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two components of the centred rows, and the share of variance of each.

    Args:
        rows: (n, d).

    Returns:
        (n, 2) coordinates, each with the sign that makes its largest loading positive; (2,) shares.
    """
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, ::-1][:, :2]
    strongest = directions[np.abs(directions).argmax(axis=0), [0, 1]]
    return centred @ (directions * np.sign(strongest)), variances[::-1][:2] / variances.sum()


def _draw_panel(
    axes: Axes, rows: np.ndarray, labels: np.ndarray, looks: Mapping[int, Look]
) -> None:
    points, shares = principal_components(rows)
    # interleaved, so that no class hides the others
    for start in range(4):
        for number, look in looks.items():
            chosen = points[start::4][labels[start::4] == number]
            style = {"facecolors": look.colour, "edgecolors": look.edge, "marker": look.marker}
            axes.scatter(*chosen.T, s=9, alpha=0.7, linewidths=0.4, **style)
    axes.set_xlabel(f"component 1 ({shares[0]:.0%} of variance)")
    axes.set_ylabel(f"component 2 ({shares[1]:.0%})")
    axes.set_aspect("equal", adjustable="datalim")


def _handles(names: Sequence[str], looks: Sequence[Look]) -> list[Line2D]:
    handles = []
    for name, look in zip(names, looks, strict=True):
        style = {"color": look.colour, "marker": look.marker, "markeredgecolor": look.edge}
        style |= {"linestyle": "none", "markersize": 4.5, "markeredgewidth": 0.4}
        handles.append(Line2D([], [], label=name, **style))
    return handles
