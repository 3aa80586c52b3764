"""The report's first page in reStructuredText: which of the study's claims hold on this data."""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lib.claims import SLOPE_CLAIM, count_cases, describe_recipes, select_headlines
from lib.frames import name_recipe
from lib.statistics import CANNOT_BE_TOLD, DOES_NOT_HOLD, HOLDS

INTRODUCTION = f"""\
Do the study's claims hold on this data? Each verdict follows from the interval and the p beside
it: *{HOLDS}* where all of the interval lies on the claimed side of zero, *{DOES_NOT_HOLD}* where
none of it does, both only if p is at most 0.05 after Holm's correction for all claims of this page;
else *{CANNOT_BE_TOLD}*: the data are too few, which is not to say that there is no effect."""
NOTHING = "One model alone, and neither pruned nor fine-tuned: there is no claim to judge."
READING = """\
Below each effect stand p before and after the correction, what the interval varies over, the
published value (Sun et al., 2025; measured on other data) and the verdicts of the single cases that
the row averages over (corrected for the cases of that claim); each case stands in the table of
claims. Intervals are of 95%, not widened for the number of claims. They cover:"""
INTERVALS = {
    "images": """\
other images of the same datasets, each dataset weighing the same (bootstrap, paired by image; p
also from sign flips; an image's part in the class means that silhouettes rest on is counted). It
speaks of these checkpoints, not of other pretraining runs.""",
    "pretraining seeds and images": """\
other pretraining runs of both models, and other images of the same datasets (variances of both
added, Satterthwaite's degrees of freedom). Pretrainings are compared one with one, in order.""",
    "neuron orders": """\
random orders of the same neurons and their reverses, values averaged over all numbers of neurons
kept; p is the rank among them. Other pretraining runs are not covered.""",
    "seeds": """\
other swaps, batches and crops in fine-tuning the same pretrained models (Student's interval over
seeds; the p of a trend also from Page's exact test). Other pretraining runs are not covered.""",
    "seeds and images": """\
the same, and other images of the same datasets: the variances of both are added (Welch's
interval). Other pretraining runs are not covered.""",
}
BUILT_IN = """\
**Built in:** this corpus is drawn, and its rewrites are cleaner than its raw captions. That a model
pretrained with rewrites does better is a property of these data: here, experiment 1 shows that the
instrument works, and is no evidence for the claim. Captions are short and made of few words, so the
most similar one often says the same in other words: swaps among similar captions do less harm than
they would among captions of the web."""
GRID = """\
Experiment 3 under other recipes of fine-tuning: does mean \\|cos\\| grow with Cs? Slope per unit of
Cs, with its 95% interval over seeds; verdicts are corrected within each recipe, projection and
strategy; the main recipe in bold."""
EXPERIMENTS = {
    1: "Experiment 1: models compared",
    2: "Experiment 2: neurons pruned",
    3: "Experiment 3: captions misaligned",
}


def format_page(claims: pd.DataFrame, sensitivity: pd.DataFrame | None, is_drawn: bool) -> str:
    """The page: headline verdicts, what the intervals cover, and the verdicts by recipe.

    Args:
        claims: from `claims.judge`.
        sensitivity: sensitivity.csv, for the settings of each recipe; None without experiment 3.
        is_drawn: the data are drawn, so that the outcome of experiment 1 is built in.
    """
    headlines = select_headlines(claims)
    if headlines.empty:
        return f"{NOTHING}\n"
    sources = headlines["variation"].unique()
    parts = [INTRODUCTION, _format_headlines(claims, headlines), READING]
    parts.append("\n".join(_list_item(f"*{name}*: {INTERVALS[name]}") for name in sources))
    if is_drawn and (claims["experiment"] == 1).any():
        parts.append(BUILT_IN)
    if sensitivity is not None:
        parts += [GRID, _format_grid(claims, sensitivity)]
    return "\n\n".join(parts) + "\n"


def format_image(image: bytes) -> str:
    """A PNG that the page itself holds: a report is one file.

    The address goes over many lines, which docutils joins: it refuses lines of 10,000 characters.
    """
    lines = base64.encodebytes(image).decode().splitlines()
    address = "".join(f"   {line}\n" for line in lines)
    return (
        f".. image:: data:image/png;base64,\n{address}"
        "   :alt: Effect and interval of every claim, coloured by verdict, beside published ones\n"
        "   :width: 100%\n"
    )


def escape(text: object) -> str:
    """A text on one line that reStructuredText shows as it is: no markup, link or directive."""
    words = " ".join(str(text).split())
    return "".join(
        character if character.isalnum() or character in " ,;" else f"\\{character}"
        for character in words
    )


def format_number(value: float) -> str:
    """A signed number with three digits that count, at most four after the point: +12.3, -0.012."""
    if math.isnan(value):
        return "unknown"
    magnitude = int(f"{value:.2e}".partition("e")[2])  # after rounding: 0.09999 is 0.100
    digits = min(4, max(0, 2 - magnitude))
    return f"{round(value, digits) + 0.0:+.{digits}f}"  # adding 0 turns -0 to +0


def format_interval(low: float, high: float, estimate: float) -> str:
    """Bounds in brackets, with as many digits as the estimate has."""
    if math.isnan(low) or math.isnan(high):
        return "(no interval)"
    digits = len(format_number(estimate).partition(".")[2])
    return f"[{low:+.{digits}f}, {high:+.{digits}f}]"


def format_p(p: float) -> str:
    """A p with two digits that count: 0.012, <0.0001."""
    if math.isnan(p):
        return "unknown"
    if p < 0.0001:
        return "<0.0001"
    digits = 1 - int(f"{p:.1e}".partition("e")[2])
    return f"{p:.{min(digits, 4)}f}"


def _format_headlines(claims: pd.DataFrame, headlines: pd.DataFrame) -> str:
    """A table for each experiment: claim, verdict, and what the verdict rests on."""
    parts = []
    for experiment, rows in headlines.groupby("experiment"):
        lines = []
        for row in rows.to_dict("records"):
            claim = _line_block([escape(row["claim"]), f"*{escape(row['scope'])}*"])
            recipes = describe_recipes(claims, row)
            verdict = [f"**{row['verdict']}**", *([f"in {recipes}"] if recipes else [])]
            lines.append([claim, _line_block(verdict), _format_evidence(claims, row)])
        header = [EXPERIMENTS[experiment], "Verdict", "Effect [95% interval]"]
        parts.append(_list_table(header, lines, (46, 16, 38)))
    return "\n\n".join(parts)


def _format_evidence(claims: pd.DataFrame, row: Mapping[str, Any]) -> str:
    """Effect and interval, what the interval covers, the published value, and single cases."""
    published = f"; published: {row['published']}" if row["published"] else ""
    cases = ", ".join(f"{name} {count}" for name, count in count_cases(claims, row).items())
    p = f"p {format_p(row['p'])}, corrected {format_p(row['p_holm'])}"
    texts = [f"{format_effect(row)} {row['unit']}", p, f"varies over {row['variation']}{published}"]
    texts.append(f"single cases: {cases}")
    return _line_block([escape(text) for text in texts])


def _format_grid(claims: pd.DataFrame, sensitivity: pd.DataFrame) -> str:
    """Recipes and projections in rows; a column for each model and strategy."""
    slopes = claims[(claims["claim"] == SLOPE_CLAIM) & (claims["model"] != "")]
    columns = list(dict.fromkeys(zip(slopes["model"], slopes["strategy"], strict=True)))
    cells = slopes.set_index(["recipe", "projection", "model", "strategy"])
    settings = sensitivity.drop_duplicates("recipe").set_index("recipe")
    lines = []
    for recipe in slopes["recipe"].unique():
        for projection in slopes["projection"].unique():
            line = [_format_recipe(recipe, settings), escape(projection)]
            for place in columns:
                row = cells.loc[(recipe, projection, *place)]
                line.append(_line_block([f"*{row['verdict']}*", escape(format_effect(row))]))
            lines.append(line)
    header = ["Recipe", "Projection", *(escape(f"{model}, {way}") for model, way in columns)]
    return _list_table(header, lines, (16, 10, *[20] * len(columns)))


def format_effect(row: Mapping[str, Any]) -> str:
    """The effect of a claim with its interval, without the unit."""
    interval = format_interval(row["low"], row["high"], row["effect"])
    return f"{format_number(row['effect'])} {interval}"


def _format_recipe(recipe: str, settings: pd.DataFrame) -> str:
    """The settings of a recipe, or its name where there are none; the study's own in bold."""
    name = name_recipe(settings.loc[recipe]) if recipe in settings.index else recipe
    return f"**{escape(name)}**" if recipe == "main" else escape(name)


def _line_block(lines: Sequence[str]) -> str:
    """Lines that stay apart inside a cell."""
    return "\n".join(f"| {line}" for line in lines)


def _list_item(text: str) -> str:
    return "- " + text.replace("\n", "\n  ")


def _list_table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    lines = [".. list-table::", "   :header-rows: 1"]
    lines += [f"   :widths: {' '.join(str(width) for width in widths)}", ""]
    for row in (header, *rows):
        for number, cell in enumerate(row):
            text = cell.replace("\n", "\n       ")
            lines.append(f"   {'  -' if number else '* -'} {text}".rstrip())
    return "\n".join(lines)
