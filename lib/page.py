"""The page to look into: a study's curves and neurons in one HTML file that needs no network.

Numbers and texts stand in the page as JSON, drawings are made by its script (`workflow/page`).
Class names and captions come from the web. So that none of them can become markup: Jinja2 escapes
what it fills in, the JSON holds no character that HTML knows (`embed_json`), the script writes text
and never HTML, and the page's own policy lets the browser run nothing but that very script, and
fetch nothing at all.
"""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from lib.frames import ORDER_BAND, POSSIBLE, RANDOM_LEVEL, cs_curve, list_strategies
from lib.statistics import wilson_interval
from lib.tables import describe_head

ORDERS = ("high_purity", "low_purity", "random")
CAPTION_LETTERS = 300  # what is longer ends in an ellipsis
_DIGITS = 5  # that count
# Without these no string can end a script element, begin a comment or break a line of JavaScript.
_ESCAPES = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def render_page(data: Mapping[str, Any], template: str, style: str, script: str) -> str:
    """The page as one HTML file.

    Args:
        data: from `collect`.
        template, style, script: contents of `workflow/page`, by people of this project.

    Raises:
        ValueError: style or script would end its own element.
    """
    for name, text, end in (("style", style, "</style"), ("script", script, "</script")):
        if end in text.lower():
            raise ValueError(f"the page's {name} holds {end!r}, which would end it there")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(
        models=list(data["models"]),
        datasets=list(data["datasets"]),
        policy=_format_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data=Markup(embed_json(data)),
    )


def embed_json(value: Any) -> str:
    """JSON that may stand in a script element whatever its strings hold."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return "".join(_ESCAPES.get(character, character) for character in text)


def collect(
    neurons: Mapping[str, Any],
    sheets: Iterable[bytes],
    comparison: pd.DataFrame,
    pruning: pd.DataFrame | None = None,
    misalignment: pd.DataFrame | None = None,
    accuracy: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """All that the page shows, ready for JSON.

    Args:
        neurons: what `describe_neurons.py` wrote.
        sheets: WebP files of thumbnails, in the order of the sources in `neurons`.
        comparison: clip_vs_laclip.csv.
        pruning, misalignment, accuracy: the tables of these names (the last misalignment_accuracy);
            None where the study has no such experiment.
    """
    models, datasets = (list(comparison[name].unique()) for name in ("model", "dataset"))
    counts = comparison.set_index(["model", "dataset"])[["n_images", "n_classes"]]
    data = {
        **{name: neurons[name] for name in ("thumbnail", "columns")},
        "models": neurons["models"],
        "sources": [
            _describe_source(source, sheet)
            for source, sheet in zip(neurons["sources"], sheets, strict=True)
        ],
        "datasets": {
            name: {
                "images": int(counts.loc[(models[0], name), "n_images"]),
                "chance": 1 / int(counts.loc[(models[0], name), "n_classes"]),
            }
            for name in datasets
        },
        "strategies": [] if misalignment is None else list_strategies(misalignment),
        "heads": {name: _place(name) for name in neurons["models"][models[0]]["cosines"]},
        "pruning": None,
        "misalignment": None,
    }
    if pruning is not None:
        data["pruning"] = collect_pruning(pruning, accuracy, counts["n_images"])
    if misalignment is not None:
        data["misalignment"] = collect_misalignment(misalignment, accuracy)
    return _shorten(data)


def collect_pruning(
    pruning: pd.DataFrame, accuracy: pd.DataFrame | None, n_images: pd.Series
) -> dict[str, Any]:
    """By model and dataset: k, and the [estimate, low, high] of every order and measure there.

    The interval of an accuracy of one order is Wilson's, over images; that of random orders goes
    from the 5% to the 95% quantile of the orders; a silhouette of one order has none.

    Args:
        pruning: pruning.csv.
        accuracy: misalignment_accuracy.csv, for the control; None without it.
        n_images: by model and dataset.
    """
    curves: dict[str, Any] = {}
    for (model, dataset), rows in pruning.groupby(["model", "dataset"], sort=False):
        n = int(n_images.loc[(model, dataset)])
        full = rows[rows["strategy"] == "full"].iloc[0]
        place = {"full": {"kept": int(full["kept"])} | _measure_one(full, n)}
        for order in ORDERS:
            kept = rows[rows["strategy"] == order].groupby("kept")
            place["kept"] = [int(k) for k in kept.groups]
            points = [_measure_orders(each, order, n) for _, each in kept]
            place[order] = {measure: [each[measure] for each in points] for measure in POSSIBLE}
        if accuracy is not None:
            control = accuracy[(accuracy["model"] == model) & (accuracy["strategy"] == "none")]
            control = control[control["dataset"] == dataset]
            place["control"] = {measure: float(control[measure].mean()) for measure in POSSIBLE}
        curves.setdefault(model, {})[dataset] = place
    return curves


def collect_misalignment(misalignment: pd.DataFrame, accuracy: pd.DataFrame) -> dict[str, Any]:
    """By model: `purity` by projection, and `datasets`; each measure by strategy.

    A measure has `cs`, the [estimate, low, high] there (mean over seeds, Student's interval), and
    `pretrained`; mean |cos| also the level and band of `random` projections.
    """
    models: dict[str, Any] = {}
    strategies = list_strategies(misalignment)
    for (model, projection), rows in misalignment.groupby(["model", "projection"], sort=False):
        place = models.setdefault(model, {"purity": {}, "datasets": {}})
        place["purity"][projection] = _measure_by_cs(rows, strategies, "avg_abs_cos_sim", (0, 1))
        place["purity"][projection]["random"] = rows[RANDOM_LEVEL].iloc[0].tolist()
    for (model, dataset), rows in accuracy.groupby(["model", "dataset"], sort=False):
        models[model]["datasets"][dataset] = {
            measure: _measure_by_cs(rows, strategies, measure, possible)
            for measure, possible in POSSIBLE.items()
        }
    return models


def read_texts(paths: Iterable[str | Path]) -> list[str]:
    """Contents of text files."""
    return [Path(path).read_text(encoding="utf-8") for path in paths]


def _measure_by_cs(
    rows: pd.DataFrame, strategies: Sequence[str], column: str, possible: tuple[float, float]
) -> dict[str, Any]:
    curves = {}
    for strategy in strategies:
        cs, intervals = cs_curve(rows, strategy, column)
        clipped = np.clip(np.array(intervals, dtype=np.float64), *possible)
        curves[strategy] = {"cs": cs, "points": clipped.tolist()}
    pretrained = rows.loc[rows["strategy"] == "pretrained", column]
    return {"strategies": curves, "pretrained": float(pretrained.iloc[0])}


def _measure_orders(rows: pd.DataFrame, order: str, n_images: int) -> dict[str, list]:
    """The measures of one k: of the one order there is, or of random ones."""
    if order != "random":
        return _measure_one(rows.iloc[0], n_images)
    return {
        measure: [rows[measure].mean(), *rows[measure].quantile(list(ORDER_BAND))]
        for measure in POSSIBLE
    }


def _measure_one(row: pd.Series, n_images: int) -> dict[str, list]:
    correct = round(row["accuracy"] * n_images)
    return {
        "accuracy": list(wilson_interval(correct, n_images)),
        "silhouette": [row["silhouette"], None, None],
    }


def _describe_source(source: Mapping[str, Any], sheet: bytes) -> dict[str, Any]:
    captions = [_cut(caption) for caption in source.get("captions", [])]
    return {**source, "captions": captions, "sheet": base64.b64encode(sheet).decode("ascii")}


def _cut(caption: str) -> str:
    if len(caption) <= CAPTION_LETTERS:
        return caption
    return f"{caption[: CAPTION_LETTERS - 1]}…"


def _place(head: str) -> dict[str, Any]:
    """Strategy and Cs of a head's file."""
    if head == "pretrained":
        return {"strategy": "pretrained", "cs": None}
    place = describe_head(head, "0")
    return {"strategy": place["strategy"], "cs": place["cs"]}


def _format_policy(style: str, script: str) -> str:
    """Content security policy: this script and this style, images that the page itself holds."""
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (script, style)
    ]
    return (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _shorten(value: Any) -> Any:
    """The same with every float to the digits that count; what is no number becomes null."""
    if isinstance(value, Mapping):
        return {key: _shorten(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shorten(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
