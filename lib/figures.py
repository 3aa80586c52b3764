"""What all figures share: size, type, colours, markers and how they are saved.

Each figure stands in a module of its own (`lib.figure_*`), so that a change of one reruns one.
Figures are as wide as a page's text: their type has the size that it will have in print.
"""

import functools
import logging
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lib.files import atomic_path

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every glyph that it embeds

TEXT_WIDTH = 5.5  # inches
PNG_DPI = 200
TITLE_LETTERS = 80  # that all titles of a row have room for together
# What Matplotlib writes into files of a format, but for what changes with the time or the version.
_UNTIMELY = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
INK = "#222222"
MUTED = "#6B6B6B"
GREY = "#BDBDBD"  # areas of what chance yields
# Okabe and Ito's colours: told apart by colour-blind readers. Markers and lines tell them in grey.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
# Green and orange, last, are those of pruning orders where models have panels of their own.
MODEL_COLOURS = (BLUE, VERMILLION, PURPLE, SKY, BLACK, GREEN, ORANGE)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
BASELINE_LINE = (0, (6, 2))  # what chance or random neurons yield
SHORT_BASELINE_LINE = (0, (3, 1.5))  # the same, where there is little room
PRETRAINED_LINE = (0, (1, 2))  # before any fine-tuning
PRETRAINED_OUTLINE = (0, (1, 1.2))  # the same, of a histogram: steps are short
LINE_WIDTH = 1.3
# for what has an order, from dark to light; the yellow at viridis' end is hard to see on white
SHADES = ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, 0.82, 256)))

RC = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "figure.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "lines.linewidth": LINE_WIDTH,
    "lines.markersize": 3.8,
    "errorbar.capsize": 1.8,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.handletextpad": 0.6,
    "figure.constrained_layout.h_pad": 0.035,
    "figure.constrained_layout.w_pad": 0.035,
    "pdf.fonttype": 42,
    "svg.hashsalt": "figure",  # or the names of its parts are random
    # captions and class names are text, not formulas: a dollar sign is a dollar sign
    "text.parse_math": False,
}


class Style(NamedTuple):
    """How one model or one strategy looks wherever it appears."""

    colour: str
    marker: str
    line: Any


PRUNING_STYLES = {
    "high_purity": Style(GREEN, "s", "-"),
    "low_purity": Style(ORANGE, "^", DASHES[1]),
    "random": Style(MUTED, "", DASHES[2]),
    "full": Style(BLACK, "", (0, (5, 2, 1, 2))),
}
# Captions as they came, and after doubtful ones were replaced, where colours tell no models.
RAW = Style(BLACK, "o", "-")
REPLACED = Style(PURPLE, "s", DASHES[1])
STRATEGY_NAMES = {"similar": "similar captions swapped", "random": "random captions swapped"}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Let a function draw under the shared settings, and no other code be changed by them."""

    @functools.wraps(draw)
    def wrapper(*args: Any, **kwargs: Any) -> Figure:
        with matplotlib.rc_context():
            _use_settings()
            return draw(*args, **kwargs)

    return wrapper


def save_figure(figure: Figure, *paths: str | Path) -> None:
    """Write a figure in the formats that the suffixes name, each file whole or not at all.

    Same figure, same bytes: of PNG, PDF and SVG.
    """
    with matplotlib.rc_context():
        _use_settings()
        for path in map(Path, paths):
            metadata = _UNTIMELY.get(path.suffix.lower())
            with atomic_path(path) as temporary:
                figure.savefig(temporary, dpi=PNG_DPI, metadata=metadata)


def new_figure(height: float) -> Figure:
    """An empty figure of the page's text width; `height` in inches."""
    return Figure(figsize=(TEXT_WIDTH, height), layout="constrained")


def model_styles(models: Iterable[str]) -> dict[str, Style]:
    """A style for each model, by its place in the study."""
    return {
        model: Style(
            MODEL_COLOURS[i % len(MODEL_COLOURS)],
            MARKERS[i % len(MARKERS)],
            DASHES[i % len(DASHES)],
        )
        for i, model in enumerate(dict.fromkeys(models))
    }


def strategy_lines(strategies: Iterable[str]) -> dict[str, tuple[Any, bool]]:
    """Line style, and whether markers are filled, of each strategy where colour tells models."""
    return {
        strategy: (DASHES[i % len(DASHES)], i % 2 == 0)
        for i, strategy in enumerate(dict.fromkeys(strategies))
    }


def name_strategy(strategy: str) -> str:
    """A strategy of misalignment in words."""
    return STRATEGY_NAMES.get(strategy, strategy)


def typeset_minus(numbers: str) -> str:
    """Numbers with a minus sign where Python writes a hyphen."""
    return numbers.replace("-", "\N{MINUS SIGN}")


def list_shades(count: int) -> list[str]:
    """Colours from dark to light, for what has an order: viridis without its end."""
    return [to_hex(SHADES(place)) for place in np.linspace(0, 1, count)]


def draw_interval_line(
    axes: Axes,
    x: Sequence[float],
    intervals: np.ndarray,
    style: Style,
    filled: bool = True,
    shift: float | Sequence[float] = 0.0,
    width: float = LINE_WIDTH,
) -> None:
    """A line of estimates with error bars.

    Args:
        x: (n,) places.
        intervals: (n, 3) estimate, low and high; without an interval the bounds are no numbers.
        filled: whether the markers are.
        shift: along x, of all places or of each, so that bars of several lines stay visible.
        width: of the line.
    """
    estimates, low, high = np.asarray(intervals, dtype=float).T
    places = np.asarray(x, dtype=float) + np.asarray(shift)
    axes.plot(
        places,
        estimates,
        color=style.colour,
        linestyle=style.line,
        linewidth=width,
        marker=style.marker,
        markerfacecolor=style.colour if filled else "white",
        markeredgewidth=0.9,
    )
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        bars = np.stack([estimates - low, high - estimates])[:, known]
        axes.errorbar(
            places[known],
            estimates[known],
            bars,
            fmt="none",
            ecolor=style.colour,
            elinewidth=0.8,
            capthick=0.8,
        )


def draw_crossed_curves(
    axes: Axes,
    curves: Mapping[tuple[str, str], tuple[Sequence[float], np.ndarray]],
    styles: Mapping[str, Style],
    lines: Mapping[str, tuple[Any, bool]],
) -> None:
    """A line for each model (its colour and marker) and strategy (its line, its filling).

    The control at Cs 0 is that of all strategies of a model, and drawn at one place.

    Args:
        curves: by model and strategy, values of Cs and the (n, 3) intervals there.
        styles, lines: from `model_styles` and `strategy_lines`.
    """
    for (model, strategy), (cs, intervals) in reversed(curves.items()):
        line, filled = lines[strategy]
        by_model = 0.012 * (list(styles).index(model) - (len(styles) - 1) / 2)
        by_strategy = 0.012 * len(styles) * (list(lines).index(strategy) - (len(lines) - 1) / 2)
        shift = [by_model + (by_strategy if value > 0 else 0) for value in cs]
        draw_interval_line(axes, cs, intervals, styles[model]._replace(line=line), filled, shift)


def crossed_handles(
    styles: Mapping[str, Style], lines: Mapping[str, tuple[Any, bool]]
) -> list[Line2D]:
    """The legend's entries for `draw_crossed_curves`."""
    handles = [style_handle(style._replace(line="none"), name) for name, style in styles.items()]
    for strategy, (line, filled) in lines.items():
        handles.append(style_handle(Style(MUTED, "o", line), name_strategy(strategy), filled))
    return handles


def draw_pretrained_level(axes: Axes, value: float, colour: str) -> None:
    """The level of a pretrained model, before any fine-tuning."""
    axes.axhline(value, color=colour, linewidth=0.8, linestyle=PRETRAINED_LINE, zorder=1)


def draw_random_baseline(axes: Axes, value: float, low: float, high: float) -> None:
    """The level that a random projection would have, and the band that 95% of them lie in."""
    axes.axhspan(low, high, color=GREY, linewidth=0, zorder=0.5)
    axes.axhline(value, color=BLACK, linewidth=0.8, linestyle=BASELINE_LINE, zorder=1)


def draw_chance(axes: Axes, value: float) -> None:
    """The level that guessing would have."""
    axes.axhline(value, color=BLACK, linewidth=0.8, linestyle=BASELINE_LINE, zorder=1)


def pretrained_handle(label: str = "pretrained (its colour)") -> Line2D:
    """The legend's entry for `draw_pretrained_level`."""
    return Line2D([], [], color=MUTED, linewidth=0.8, linestyle=PRETRAINED_LINE, label=label)


def baseline_handle(label: str = "random projection, 95% band") -> Patch:
    """The legend's entry for `draw_random_baseline`."""
    look = {"facecolor": GREY, "edgecolor": BLACK, "linewidth": 0.8}
    return Patch(label=label, linestyle=SHORT_BASELINE_LINE, **look)


def chance_handle() -> Line2D:
    """The legend's entry for `draw_chance`."""
    return Line2D([], [], color=BLACK, linewidth=0.8, linestyle=BASELINE_LINE, label="chance")


def style_handle(style: Style, label: str, filled: bool = True) -> Line2D:
    """A legend's entry for a line and its markers."""
    return Line2D(
        [],
        [],
        color=style.colour,
        linestyle=style.line,
        marker=style.marker,
        markerfacecolor=style.colour if filled else "white",
        markeredgewidth=0.9,
        label=label,
    )


def place_legend(figure: Figure, handles: Sequence[Any], where: str = "top") -> None:
    """A legend above ("top") or below ("bottom") all panels, in as many columns as fit."""
    location = {"top": "outside upper center", "bottom": "outside lower center"}[where]
    lengths = [len(handle.get_label()) for handle in handles]
    columns = len(handles)
    while columns > 1 and _legend_width(lengths, columns) > TEXT_WIDTH:
        columns -= 1
    figure.legend(handles=list(handles), loc=location, ncols=columns, columnspacing=1.4)


def block_grid(
    figure: Figure, names: Sequence[str], columns: int, rows_per_block: int
) -> tuple[dict[str, list[Axes]], list[list[Axes]]]:
    """Panels in blocks: each name has a column of `rows_per_block` panels, `columns` names a row.

    Returns:
        The panels by name, from top to bottom; and the panels of each row of the grid.
    """
    columns = min(columns, len(names))
    rows = -(-len(names) // columns) * rows_per_block
    grid = figure.add_gridspec(rows, columns)
    panels: dict[str, list[Axes]] = {}
    lines: list[list[Axes]] = [[] for _ in range(rows)]
    for number, name in enumerate(names):
        block, column = divmod(number, columns)
        for row in range(block * rows_per_block, (block + 1) * rows_per_block):
            axes = figure.add_subplot(grid[row, column])
            panels.setdefault(name, []).append(axes)
            lines[row].append(axes)
    return panels, lines


def share_limits(panels: Sequence[Axes]) -> None:
    """One y range for panels in a row; only the first keeps its numbers."""
    limits = [axes.get_ylim() for axes in panels]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    for number, axes in enumerate(panels):
        axes.set_ylim(low, high)
        if number:
            axes.tick_params(labelleft=False)


def title_strategies(panels: Sequence[Axes], strategies: Sequence[str]) -> None:
    """The strategy of each column, in words, on as many lines as the panel's width asks for."""
    for axes, strategy in zip(panels, strategies, strict=True):
        axes.set_title(textwrap.fill(name_strategy(strategy), TITLE_LETTERS // len(panels)))


def label_columns(panels: Sequence[Axes], words: str) -> None:
    """What the x axes of a row show: below each panel, or once where more than two stand."""
    if len(panels) > 2:
        panels[0].figure.supxlabel(words)
        return
    for axes in panels:
        axes.set_xlabel(words)


def set_cs_axis(axes: Axes, values: Iterable[float]) -> None:
    """Ticks at the values of Cs (or p) that were tried; near ones share a label's place.

    To be called after all is drawn: the axis holds what was shifted, too.
    """
    values = sorted(set(values))
    span = (values[-1] - values[0]) or 1.0
    room = 0.03 * max(len(f"{value:g}") for value in values)  # of a label, in a panel of two
    shown: list[float] = []
    for value in values:
        if not shown or value - shown[-1] >= room * span:
            shown.append(value)
    axes.set_xticks(shown, [f"{value:g}" for value in shown])
    (left, right), margin = axes.dataLim.intervalx, 0.03 * span
    axes.set_xlim(
        min(values[0] - 0.05 * span, left - margin), max(values[-1] + 0.05 * span, right + margin)
    )


def _legend_width(lengths: Sequence[int], columns: int) -> float:
    """About how wide a legend is, in inches; its columns are filled one after the other."""
    widest = [max(chunk) for chunk in np.array_split(lengths, columns)]
    return sum(0.45 + 0.062 * letters for letters in widest)


def _use_settings() -> None:
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(RC)
