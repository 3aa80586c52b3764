"""The report's first page in reStructuredText: which of the study's claims hold on this data."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lib.claims import count_cases, select_headlines
from lib.statistics import CANNOT_BE_TOLD, DOES_NOT_HOLD, HOLDS

INTRODUCTION = f"""\
Do the study's claims hold on this data? Each verdict follows from the interval beside it alone:
*{HOLDS}* where all of it lies on the claimed side of zero, *{DOES_NOT_HOLD}* where none of it
does, *{CANNOT_BE_TOLD}* where it holds zero, or where there is no interval."""
READING = f"""\
Published values (Sun et al., 2025) were measured on other data and stand there to compare. The last
column counts the verdicts of the cases that a row averages over (models, datasets, strategies):
*{HOLDS}* / *{DOES_NOT_HOLD}* / *{CANNOT_BE_TOLD}*. Each case stands in the table of claims. Intervals
are of 95%, not corrected for the number of claims, and cover one source of variation each:"""
INTERVALS = {
    "images": """\
other images of the same datasets, each dataset weighing the same (bootstrap, paired by image). Such
a verdict speaks of these checkpoints, not of other pretraining runs.""",
    "neuron orders": """\
random orders of the same neurons, values averaged over all numbers of neurons kept. Other images or
other pretraining runs are not covered.""",
    "seeds": """\
other swaps, batches and crops in fine-tuning the same pretrained models (Student's interval over
seeds). Other pretraining runs are not covered.""",
}
BUILT_IN = """\
**Built in:** this corpus is drawn, and its rewrites are cleaner than its raw captions. That a model
pretrained with rewrites does better is a property of these data: here, experiment 1 shows that the
instrument works, and is no evidence for the claim."""
GRID = """\
Experiment 3 under other recipes of fine-tuning: does mean \\|cos\\| grow with Cs? Slope per unit of
Cs, with its 95% interval over seeds; the main recipe in bold."""
SLOPE_CLAIM = "mean |cos| grows with Cs"


def format_page(claims: pd.DataFrame, sensitivity: pd.DataFrame, corpus_kind: str) -> str:
    """The page: headline verdicts, what the intervals cover, and the verdicts by recipe.

    Args:
        claims: from `claims.judge`.
        sensitivity: sensitivity.csv, for the settings of each recipe.
        corpus_kind: "glyphs" for drawn data, where the outcome of experiment 1 is built in.
    """
    headlines = select_headlines(claims)
    sources = headlines["variation"].unique()
    parts = [INTRODUCTION, _format_headlines(claims, headlines), READING]
    parts.append("\n".join(_list_item(f"*{name}*: {INTERVALS[name]}") for name in sources))
    if corpus_kind == "glyphs" and (claims["experiment"] == 1).any():
        parts.append(BUILT_IN)
    if (claims["claim"] == SLOPE_CLAIM).any():
        parts += [GRID, _format_grid(claims, sensitivity)]
    return "\n\n".join(parts) + "\n"


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
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    digits = min(4, max(0, 2 - magnitude))
    return f"{value:+.{digits}f}"


def format_interval(low: float, high: float, estimate: float) -> str:
    """Bounds in brackets, with as many digits as the estimate has."""
    if math.isnan(low) or math.isnan(high):
        return "(no interval)"
    digits = len(format_number(estimate).partition(".")[2])
    return f"[{low:+.{digits}f}, {high:+.{digits}f}]"


def _format_headlines(claims: pd.DataFrame, headlines: pd.DataFrame) -> str:
    header = ["Exp.", "Claim", "Verdict", "Effect [95% interval]", "Variation"]
    header += ["Published", "Cases"]
    lines = []
    for row in headlines.to_dict("records"):
        effect = f"{_format_effect(row)} {row['unit']}"
        cases = " / ".join(str(count) for count in count_cases(claims, row).values())
        claim = f"{row['claim']} ({row['scope']})" if row["scope"] else row["claim"]
        verdict = f"**{escape(row['verdict'])}**"
        published = row["published"] or "no figure"
        plain = [effect, row["variation"], published, cases]
        lines.append([str(row["experiment"]), escape(claim), verdict, *map(escape, plain)])
    return _list_table(header, lines, (4, 28, 10, 24, 9, 17, 8))


def _format_grid(claims: pd.DataFrame, sensitivity: pd.DataFrame) -> str:
    """Recipes and projections in rows; a column for each model and strategy."""
    slopes = claims[(claims["claim"] == SLOPE_CLAIM) & (claims["model"] != "")]
    columns = list(dict.fromkeys(zip(slopes["model"], slopes["strategy"], strict=True)))
    cells = slopes.set_index(["recipe", "projection", "model", "strategy"])
    settings = sensitivity.drop_duplicates("recipe").set_index("recipe")
    lines = []
    for recipe in slopes["recipe"].unique():
        for projection in slopes["projection"].unique():
            line = [_name_recipe(recipe, settings), escape(projection)]
            for place in columns:
                row = cells.loc[(recipe, projection, *place)]
                line.append(f"{escape(row['verdict'])}: {escape(_format_effect(row))}")
            lines.append(line)
    header = ["Recipe", "Projection", *(escape(f"{model}, {way}") for model, way in columns)]
    return _list_table(header, lines, (16, 10, *[20] * len(columns)))


def _format_effect(row: Mapping[str, Any]) -> str:
    interval = format_interval(row["low"], row["high"], row["effect"])
    return f"{format_number(row['effect'])} {interval}"


def _name_recipe(recipe: str, settings: pd.DataFrame) -> str:
    name = recipe
    if recipe in settings.index:
        lr, epochs = settings.loc[recipe, ["lr", "epochs"]]
        name = f"lr {lr:g}, {epochs:g} epochs"
    return f"**{escape(name)}**" if recipe == "main" else escape(name)


def _list_item(text: str) -> str:
    return "- " + text.replace("\n", "\n  ")


def _list_table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    lines = [".. list-table::", "   :header-rows: 1"]
    lines += [f"   :widths: {' '.join(str(width) for width in widths)}", ""]
    for row in (header, *rows):
        for number, cell in enumerate(row):
            lines.append(f"   {'  -' if number else '* -'} {cell}".rstrip())
    return "\n".join(lines)
