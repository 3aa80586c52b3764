"""The study's claims, judged on what was measured: effect, interval, verdict.

Rows follow from tables alone. An interval covers one source of variation, named in each row:

- images: the same two pretrained models on other images of the same datasets. Not other pretraining
  runs: such a row speaks of these checkpoints only.
- neuron orders: what keeping the purest neurons yields, against random orders of the same neurons.
- seeds: other swaps, batches and crops of the fine-tunes; the pretrained model stays the same.

There is no correction for the number of claims.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib.frames import list_strategies, read_frame, seed_table
from lib.statistics import (
    CANNOT_BE_TOLD,
    DOES_NOT_HOLD,
    HOLDS,
    Interval,
    contrast_to_draws,
    difference_to_draws,
    mean_interval,
    slope_interval,
    stratified_bootstrap,
    verdict,
)

VERDICTS = (HOLDS, DOES_NOT_HOLD, CANNOT_BE_TOLD)
COLUMNS = (
    "experiment",
    "claim",
    "scope",
    "effect",
    "low",
    "high",
    "unit",
    "variation",
    "published",
    "verdict",
    "model",
    "dataset",
    "strategy",
    "projection",
    "recipe",
)
PLACES = COLUMNS[-5:]
PLURALS = {"model": "models", "dataset": "datasets"}
# How each measure is told: an accuracy of 1 is 100 points.
SCALES = {"accuracy": (100.0, "points"), "silhouette": (1.0, "silhouette")}

# Sun et al. (2025): what the text says, beside what its own tables and figures give.
PUBLISHED_CS = (0, 0.1, 0.3, 0.5, 0.8)
PUBLISHED_COSINE = (0.121, 0.143, 0.172, 0.208, 0.259)  # text
PUBLISHED_COSINE_FIGURE = (0.056, 0.076, 0.088, 0.101, 0.127)  # text projection, read off
PUBLISHED_ACCURACY = (  # CIFAR-10, CIFAR-100, Food-101, in per cent
    (45.8, 44.2, 41.5, 37.8, 32.1),
    (22.3, 21.1, 18.9, 16.2, 12.8),
    (38.5, 37.1, 34.2, 30.5, 25.3),
)
PUBLISHED_HIGH = (42.3, 43.8, 44.5, 45.0, 45.3, 45.6, 45.7)  # CIFAR-10, k = 200, 250 .. 500
PUBLISHED_LOW = (38.5, 40.1, 41.2, 42.5, 43.8, 44.9, 45.5)


class PerImage(NamedTuple):
    """Outcomes of a pretrained model, image by image: (n,) whether correct, (n,) silhouettes."""

    accuracy: np.ndarray
    silhouette: np.ndarray


def judge(
    per_image: Mapping[tuple[str, str], PerImage],
    pruning: pd.DataFrame | None = None,
    misalignment: pd.DataFrame | None = None,
    misalignment_accuracy: pd.DataFrame | None = None,
    sensitivity: pd.DataFrame | None = None,
    baselines: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """All rows of claims.csv.

    An empty place (model, dataset, strategy, projection) is one that was averaged over, or that the
    claim has not. The recipe is "main" but for the rows of the sensitivity grid.

    Args:
        per_image: by model and dataset, in the order of the study.
        pruning, misalignment, misalignment_accuracy, sensitivity: the tables, None where the study
            has not that experiment.
        baselines: see `judge_comparison`.
    """
    rows = judge_comparison(per_image, baselines)
    if pruning is not None:
        rows += judge_pruning(pruning)
    if misalignment is not None:
        rows += judge_cosines(misalignment.assign(recipe="main"))
    if misalignment_accuracy is not None:
        rows += judge_downstream(misalignment_accuracy)
    if sensitivity is not None:
        others = sensitivity[sensitivity["recipe"] != "main"]
        for recipe in others["recipe"].unique():
            rows += judge_cosines(others[others["recipe"] == recipe])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def judge_comparison(
    per_image: Mapping[tuple[str, str], PerImage], baselines: Mapping[str, str] | None = None
) -> list[dict]:
    """Experiment 1: a model's accuracy and silhouette exceed those of its baseline.

    Args:
        per_image: outcomes by model and dataset.
        baselines: model to the one that it is held against; by default each later model is held
            against the first.
    """
    models = list(dict.fromkeys(model for model, _ in per_image))
    if baselines is None:
        baselines = dict.fromkeys(models[1:], models[0])
    datasets = list(dict.fromkeys(dataset for _, dataset in per_image))
    published = {
        "accuracy": "+5.4 points (text); +3.2 (its table)",
        "silhouette": "+24% (text); +0.030 (its table)",
    }
    rows = []
    for (model, baseline), measure in itertools.product(baselines.items(), SCALES):
        scale, unit = SCALES[measure]
        differences = {
            dataset: getattr(per_image[model, dataset], measure).astype(float)
            - getattr(per_image[baseline, dataset], measure)
            for dataset in datasets
        }
        claim = f"{measure} exceeds that of {baseline}"
        for dataset in ("", *datasets):
            strata = [differences[dataset]] if dataset else list(differences.values())
            interval = _scale(stratified_bootstrap(strata, seed=0), scale)
            rows.append(
                _row(1, claim, interval, unit, "images", model=model, dataset=dataset)
                | {"published": "" if dataset else published[measure]}
            )
    return rows


def judge_pruning(table: pd.DataFrame) -> list[dict]:
    """Experiment 2: the purest neurons keep more than random ones, and than the least pure ones.

    Values are averaged over all k. The order that keeps the least pure first is the reverse of the
    one that keeps the purest first, so the difference of the two is held against those of random
    orders and their reverses. Draws with the same number are the same order on every dataset and
    model of one dim, so that the interval of a mean over them knows that they vary together.
    """
    models, datasets = table["model"].unique(), table["dataset"].unique()
    rows = []
    for measure, (scale, unit) in SCALES.items():
        means = table.groupby(["strategy", "draw", "model", "dataset"])[measure].mean() * scale
        claims = {
            f"purest neurons keep more {measure} than random ones": _against_random,
            f"purest neurons keep more {measure} than least pure ones": _against_reverse,
        }
        for (claim, contrast), model, dataset in itertools.product(
            claims.items(), ("", *models), ("", *datasets)
        ):
            if dataset and not model:
                continue
            interval = contrast(_average(means, model=model, dataset=dataset))
            row = _row(2, claim, interval, unit, "neuron orders", model=model, dataset=dataset)
            if not model and measure == "accuracy":
                row["published"] = _published_pruning(contrast is _against_reverse)
            rows.append(row)
    return rows


def judge_cosines(table: pd.DataFrame) -> list[dict]:
    """Experiment 3: mean |cos| between neurons grows with Cs, in one recipe of fine-tuning.

    Two claims: the slope over the nominal Cs, from the control at 0 on; and the change from the
    control to the largest Cs, relative to the control. Rows without a model are of the mean over
    models, formed within each seed. Strategies are never averaged: the study claims it of similar
    captions.
    """
    recipe = table["recipe"].iloc[0]
    models, strategies = list(table["model"].unique()), list_strategies(table)
    rows = []
    for projection in table["projection"].unique():
        chosen = table[table["projection"] == projection]
        for model, strategy in itertools.product(["", *models], strategies):
            curves = _average_curves(chosen, "avg_abs_cos_sim", model, strategy)
            if curves.empty or curves.shape[1] < 2:
                continue
            place = {"model": model, "strategy": strategy, "projection": projection}
            slope, change = _slope(curves), _relative_change(curves)
            claims = (
                ("mean |cos| grows with Cs", slope, "|cos| per unit of Cs", _published_slope()),
                (
                    f"mean |cos| is higher at Cs {curves.columns[-1]:g} than at 0",
                    change,
                    "%",
                    "+114% (text); +127% (figure)",
                ),
            )
            for claim, interval, unit, published in claims:
                row = _row(3, claim, interval, unit, "seeds", recipe=recipe, **place)
                is_published = not model and strategy == "similar"
                rows.append(row | {"published": published if is_published else ""})
    return rows


def judge_downstream(table: pd.DataFrame) -> list[dict]:
    """Experiment 3: accuracy and silhouette of the downstream datasets fall with Cs.

    Rows without a dataset are of the mean over datasets; without a model, over models too.
    """
    models, strategies = list(table["model"].unique()), list_strategies(table)
    datasets = list(table["dataset"].unique())
    places = [("", strategy, "") for strategy in strategies]
    places += list(itertools.product(models, strategies, ("", *datasets)))
    rows = []
    for measure, (scale, unit) in SCALES.items():
        claim = f"{measure} falls with Cs"
        unit = f"{unit} per unit of Cs"
        for model, strategy, dataset in places:
            chosen = table[table["dataset"] == dataset] if dataset else table
            curves = _average_curves(chosen, measure, model, strategy)
            if curves.empty or curves.shape[1] < 2:
                continue
            place = {"model": model, "strategy": strategy, "dataset": dataset}
            row = _row(3, claim, _scale(_slope(curves), scale), unit, "seeds", falls=True, **place)
            if not model and strategy == "similar" and measure == "accuracy":
                slope = np.polyfit(PUBLISHED_CS, np.mean(PUBLISHED_ACCURACY, axis=0), 1)[0]
                row["published"] = f"{slope:+.1f} (its tables)"
            rows.append(row)
    return rows


def read_claims(path: str | Path) -> pd.DataFrame:
    """Read claims.csv: a place that a claim has not is an empty text again."""
    return read_frame(path).fillna(dict.fromkeys(PLACES, ""))


def select_headlines(claims: pd.DataFrame) -> pd.DataFrame:
    """The rows that are means over all models and datasets, in the main recipe."""
    is_mean = (claims["dataset"] == "") & ((claims["model"] == "") | (claims["experiment"] == 1))
    return claims[is_mean & (claims["recipe"] == "main")]


def count_cases(claims: pd.DataFrame, headline: Mapping[str, Any]) -> dict[str, int]:
    """How often each verdict was given in the single cases that a headline averages over.

    A case of experiment 1 is a dataset, of experiment 2 a model and dataset; of experiment 3 a
    model, with the mean over datasets where there are such.
    """
    same = (claims["claim"] == headline["claim"]) & (claims["recipe"] == headline["recipe"])
    for name in ("projection", "strategy"):
        same &= claims[name] == headline[name]
    if headline["experiment"] == 1:
        same &= (claims["model"] == headline["model"]) & (claims["dataset"] != "")
    elif headline["experiment"] == 2:
        same &= (claims["model"] != "") & (claims["dataset"] != "")
    else:
        same &= (claims["model"] != "") & (claims["dataset"] == "")
    found = claims.loc[same, "verdict"].value_counts()
    return {name: int(found.get(name, 0)) for name in VERDICTS}


def _against_random(means: pd.Series) -> Interval:
    return difference_to_draws(means["high_purity"].iloc[0], means["random"].to_numpy())


def _against_reverse(means: pd.Series) -> Interval:
    draws = means["random"].sort_index().to_numpy()
    pairs = len(draws) // 2  # draw 2i + 1 is the reverse of draw 2i
    contrast = means["high_purity"].iloc[0] - means["low_purity"].iloc[0]
    return contrast_to_draws(contrast, draws[: 2 * pairs : 2] - draws[1 : 2 * pairs : 2])


def _average(means: pd.Series, **place: str) -> pd.Series:
    """Means by strategy and draw, of one model and dataset, or over all where it is empty."""
    for level, value in place.items():
        if value:
            means = means[means.index.get_level_values(level) == value]
    return means.groupby(level=["strategy", "draw"]).mean()


def _average_curves(rows: pd.DataFrame, column: str, model: str, strategy: str) -> pd.DataFrame:
    """Values by seed and Cs, averaged within each seed over all that `rows` holds.

    A seed that lacks a Cs is left out. An empty model means all of them.
    """
    models = [model] if model else rows["model"].unique()
    values = rows.groupby(["model", "strategy", "seed", "cs"], as_index=False)[column].mean()
    curves = [seed_table(values[values["model"] == one], strategy, column) for one in models]
    return sum(curves[1:], curves[0]).dropna() / len(curves)


def _slope(curves: pd.DataFrame) -> Interval:
    return slope_interval(curves.columns.to_numpy(dtype=float), curves.to_numpy())


def _relative_change(curves: pd.DataFrame) -> Interval:
    """From the smallest Cs to the largest, in per cent of the former."""
    first, last = curves.iloc[:, 0], curves.iloc[:, -1]
    return mean_interval((100 * (last - first) / first).to_numpy())


def _scale(interval: Interval, factor: float) -> Interval:
    return Interval(*(factor * bound for bound in interval))


def _row(
    experiment: int,
    claim: str,
    interval: Interval,
    unit: str,
    variation: str,
    falls: bool = False,
    recipe: str = "main",
    **place: str,
) -> dict:
    """A row with its verdict; `falls`: what is claimed is a negative effect."""
    effect, low, high = (round(bound, 12) for bound in interval)  # rounding is no effect
    places = dict.fromkeys(PLACES, "") | place | {"recipe": recipe}
    return {
        "experiment": experiment,
        "claim": claim,
        "scope": _describe_scope(experiment, places),
        "effect": effect,
        "low": low,
        "high": high,
        "unit": unit,
        "variation": variation,
        "published": "",
        "verdict": verdict(-high, -low) if falls else verdict(low, high),
        **places,
    }


def _describe_scope(experiment: int, places: Mapping[str, str]) -> str:
    """What a row speaks of, in words: "clip, similar captions, image projection"."""
    averaged = {1: ("dataset",), 2: ("model", "dataset"), 3: ("model",)}[experiment]
    if experiment == 3 and not places["projection"]:
        averaged += ("dataset",)
    words = [places[name] for name in ("model", "dataset") if places[name]]
    words += [f"{places['strategy']} captions"] if places["strategy"] else []
    words += [f"{places['projection']} projection"] if places["projection"] else []
    over = [PLURALS[name] for name in averaged if not places[name]]
    words += [f"mean over {_join(over)}"] if over else []
    words += [] if places["recipe"] == "main" else [f"recipe {places['recipe']}"]
    return ", ".join(words)


def _join(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _published_pruning(is_reverse: bool) -> str:
    if not is_reverse:
        return "above random on CIFAR-10 (figure)"
    mean = np.mean(np.subtract(PUBLISHED_HIGH, PUBLISHED_LOW))
    return f"{mean:+.1f} (CIFAR-10); reversed on DTD, EuroSAT at small k"


def _published_slope() -> str:
    text, figure = (
        np.polyfit(PUBLISHED_CS, values, 1)[0]
        for values in (PUBLISHED_COSINE, PUBLISHED_COSINE_FIGURE)
    )
    return f"{text:+.3f} (text); {figure:+.3f} (figure)"
