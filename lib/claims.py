"""The study's claims, judged on what was measured: effect, interval, p, verdict.

Each row names what its interval and p vary over:

- images: the same two pretrained models on other images of the same datasets. Not other pretraining
  runs: such a row speaks of these checkpoints only.
- pretraining seeds and images: other pretraining runs of both models, too, where the study has
  at least three of each.
- neuron orders: what keeping the purest neurons yields, against random orders of the same neurons.
- seeds: other swaps, batches and crops of the fine-tunes; the pretrained model stays the same.
- seeds and images: both; accuracies of all seeds are those of the same images.

p values are corrected by Holm's method within a family: the headlines of the study are one, and so
are the single cases of each claim. A verdict follows from the interval and the corrected p.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib.frames import list_strategies, read_frame, seed_table
from lib.pruning_orders import OrderMeans
from lib.statistics import (
    CANNOT_BE_TOLD,
    DOES_NOT_HOLD,
    HOLDS,
    Effect,
    contrast_effect,
    holm,
    mean_effect,
    order_effect,
    paired_effect,
    trend_effect,
    verdict,
)

VERDICTS = (HOLDS, DOES_NOT_HOLD, CANNOT_BE_TOLD)
COLUMNS = (
    "experiment",
    "claim",
    "scope",
    "published",
    "effect",
    "low",
    "high",
    "unit",
    "p",
    "p_holm",
    "family",
    "variation",
    "verdict",
    "published_effect",
    "published_other",
    "claimed_sign",
    "model",
    "dataset",
    "strategy",
    "projection",
    "recipe",
)
PLACES = COLUMNS[-5:]
HEADLINES, CASES = "headlines", "cases of the claim"
PLURALS = {"model": "models", "dataset": "datasets"}
# How each measure is told: an accuracy of 1 is 100 points.
SCALES = {"accuracy": (100.0, "points"), "silhouette": (1.0, "silhouette")}
PRETRAINED = ("pretrained", None, None)  # strategy, Cs and seed; more pretrainings have a seed
SLOPE_CLAIM = "mean |cos| grows with Cs"
MIN_PRETRAININGS = 3  # of each of two models, for an interval over them

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
    """Outcomes of a head, image by image; the means are its accuracy and its silhouette.

    Attributes:
        accuracy: (n,) whether the image is right.
        silhouette: (n,) pseudo-values (`lib.silhouette`), which vary as the score does.
    """

    accuracy: np.ndarray
    silhouette: np.ndarray


class Published(NamedTuple):
    """What the study says of an effect: in words, in our unit, and where its sources disagree."""

    words: str = ""
    effect: float | None = None
    other: float | None = None


# By model and dataset, then by strategy, Cs and seed of the head (`PRETRAINED` for the model's own;
# other pretrainings of the model are "pretrained", None and their seed)
Outcomes = Mapping[tuple[str, str], Mapping[tuple, PerImage]]


def judge(
    outcomes: Outcomes,
    orders: Mapping[tuple[str, str], OrderMeans] | None = None,
    misalignment: pd.DataFrame | None = None,
    sensitivity: pd.DataFrame | None = None,
    baselines: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """All rows of claims.csv.

    An empty place (model, dataset, strategy, projection) is one that was averaged over, or that the
    claim has not. The recipe is "main" but for the rows of the sensitivity grid.

    Args:
        outcomes: of every head on every dataset, models and datasets in the order of the study.
        orders: of the pretrained models, by model and dataset; None without experiment 2.
        misalignment, sensitivity: the tables, None without experiment 3.
        baselines: see `judge_comparison`.
    """
    rows = judge_comparison(outcomes, baselines)
    if orders is not None:
        rows += judge_pruning(orders)
    if misalignment is not None:
        rows += judge_cosines(misalignment.assign(recipe="main"))
        rows += judge_downstream(outcomes)
    if sensitivity is not None:
        others = sensitivity[sensitivity["recipe"] != "main"]
        for recipe in others["recipe"].unique():
            rows += judge_cosines(others[others["recipe"] == recipe])
    return _add_verdicts(pd.DataFrame(rows, columns=list(COLUMNS)))


def judge_comparison(outcomes: Outcomes, baselines: Mapping[str, str] | None = None) -> list[dict]:
    """Experiment 1: a model's accuracy and silhouette exceed those of its baseline.

    Pretrainings of the two models are compared in their order, one with one.

    Args:
        outcomes: as in `judge`; the pretrained heads are compared.
        baselines: model to the one that it is held against; by default each later model is held
            against the first.
    """
    models = list(dict.fromkeys(model for model, _ in outcomes))
    if baselines is None:
        baselines = dict.fromkeys(models[1:], models[0])
    datasets = list(dict.fromkeys(dataset for _, dataset in outcomes))
    published = {
        "accuracy": Published("+5.4 points (text); +3.2 (its table)", 5.4, 3.2),
        "silhouette": Published("+24% (text); +0.030 (its table)", 0.030),
    }
    rows = []
    for (model, baseline), measure in itertools.product(baselines.items(), SCALES):
        scale, unit = SCALES[measure]
        differences = {
            dataset: scale
            * _pretraining_differences(
                outcomes[model, dataset], outcomes[baseline, dataset], measure
            )
            for dataset in datasets
        }
        claim = f"{measure} exceeds that of {baseline}"
        for dataset in ("", *datasets):
            strata = [differences[dataset]] if dataset else list(differences.values())
            effect, variation = _comparison_effect(strata)
            told = Published() if dataset else published[measure]
            place = {"model": model, "dataset": dataset}
            rows.append(_row(1, claim, effect, unit, variation, told, **place))
    return rows


def judge_pruning(orders: Mapping[tuple[str, str], OrderMeans]) -> list[dict]:
    """Experiment 2: the purest neurons keep more than random ones, and than the least pure ones.

    Values are averaged over all k. The order that keeps the least pure first is the reverse of the
    one that keeps the purest first, so the difference of the two is held against those of random
    orders and their reverses. Random orders with the same number are the same on every dataset of a
    model, as its order by purity is; models have orders of their own, by purity and at random.
    """
    models, datasets = (list(dict.fromkeys(names)) for names in zip(*orders, strict=True))
    places = [("", ""), *((model, "") for model in models), *itertools.product(models, datasets)]
    rows = []
    for measure, (scale, unit) in SCALES.items():
        for other, contrast in PRUNING_CONTRASTS.items():
            claim = name_pruning_claim(measure, other)
            for model, dataset in places:
                means = scale * np.mean(
                    [
                        getattr(found, measure)
                        for place, found in orders.items()
                        if model in ("", place[0]) and dataset in ("", place[1])
                    ],
                    axis=0,
                )
                is_published = not model and measure == "accuracy"
                told = _published_pruning(other) if is_published else Published()
                place = {"model": model, "dataset": dataset}
                rows.append(_row(2, claim, contrast(means), unit, "neuron orders", told, **place))
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
            cs = curves.columns.to_numpy(dtype=float)
            slope = trend_effect(cs, curves.to_numpy())
            change = mean_effect(_relative_changes(curves))
            last = f"mean |cos| is higher at Cs {cs[-1]:g} than at 0"
            is_published = not model and strategy == "similar"
            for claim, effect, unit, told in (
                (SLOPE_CLAIM, slope, "|cos| per unit of Cs", _published_slope()),
                (last, change, "%", Published("+114% (text); +127% (figure)", 114, 127)),
            ):
                told = told if is_published else Published()
                rows.append(_row(3, claim, effect, unit, "seeds", told, recipe=recipe, **place))
    return rows


def judge_downstream(outcomes: Outcomes) -> list[dict]:
    """Experiment 3: accuracy and silhouette of the downstream datasets fall with Cs.

    Rows without a dataset are of the mean over datasets; without a model, over models too. The
    interval covers seeds and images: what a Cs does to these very images, it does in every seed.
    """
    models, datasets = (list(dict.fromkeys(names)) for names in zip(*outcomes, strict=True))
    names = dict.fromkeys(name for found in outcomes.values() for name, _, _ in found)
    strategies = [name for name in names if name not in ("pretrained", "none")]
    places = [("", strategy, "") for strategy in strategies]
    places += list(itertools.product(models, strategies, ("", *datasets)))
    rows = []
    for measure, (scale, unit) in SCALES.items():
        claim, unit = f"{measure} falls with Cs", f"{unit} per unit of Cs"
        curves = {
            (*place, strategy): _image_curves(found, strategy, measure)
            for place, found in outcomes.items()
            for strategy in strategies
        }
        for model, strategy, dataset in places:
            chosen = [[model] if model else models, [dataset] if dataset else datasets]
            cs, by_seed, by_image = _gather_curves(curves, *chosen, strategy)
            if len(by_seed) == 0 or len(cs) < 2:
                continue
            effect = trend_effect(cs, scale * by_seed, [scale * images for images in by_image])
            told = Published()
            if not model and strategy == "similar" and measure == "accuracy":
                slope = np.polyfit(PUBLISHED_CS, np.mean(PUBLISHED_ACCURACY, axis=0), 1)[0]
                told = Published(f"{slope:+.1f} (its tables)", slope)
            place = {"model": model, "strategy": strategy, "dataset": dataset}
            row = _row(3, claim, effect, unit, "seeds and images", told, claimed_sign=-1, **place)
            rows.append(row)
    return rows


def name_pruning_claim(measure: str, other: str) -> str:
    """The claim that the purest neurons keep more than `other`, of `PRUNING_CONTRASTS`."""
    return f"purest neurons keep more {measure} than {other}"


def read_claims(path: str | Path) -> pd.DataFrame:
    """Read claims.csv: a place that a claim has not is an empty text again."""
    return read_frame(path).fillna(dict.fromkeys(PLACES, ""))


def select_headlines(claims: pd.DataFrame) -> pd.DataFrame:
    """The means over all datasets and, but in experiment 1, over all models; of the main recipe."""
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


def describe_recipes(claims: pd.DataFrame, row: Mapping[str, Any]) -> str:
    """How many recipes come to a row's verdict, as "2 of 4 recipes"; nothing where one is asked."""
    same = claims["claim"] == row["claim"]
    for name in PLACES[:-1]:
        same &= claims[name] == row[name]
    verdicts = claims.loc[same, "verdict"]
    agreeing = (verdicts == row["verdict"]).sum()
    return f"{agreeing} of {len(verdicts)} recipes" if len(verdicts) > 1 else ""


def _pretraining_differences(
    first: Mapping[tuple, PerImage], second: Mapping[tuple, PerImage], measure: str
) -> np.ndarray:
    """(pretrainings, n) differences by image of a measure of two models."""
    values = (
        [getattr(o, measure).astype(float) for name, o in found.items() if name[0] == "pretrained"]
        for found in (first, second)
    )
    return np.array([one - other for one, other in zip(*values, strict=False)])


def _comparison_effect(strata: Sequence[np.ndarray]) -> tuple[Effect, str]:
    """The mean over datasets of (pretrainings, n) differences, and what its interval varies over.

    With too few pretrainings the first alone speaks.
    """
    if len(strata[0]) < MIN_PRETRAININGS:
        return paired_effect([differences[0] for differences in strata], seed=0), "images"
    by_run = np.mean([differences.mean(axis=1) for differences in strata], axis=0)
    by_image = [differences.mean(axis=0) for differences in strata]
    return mean_effect(by_run, by_image), "pretraining seeds and images"


def _against_random(means: np.ndarray) -> Effect:
    """The purest neurons kept, among random orders; the least pure are one more such order."""
    draws = np.concatenate([means[1:].ravel(), means[0, 1:]])
    return order_effect(float(means[0, 0]), draws, float(means[1:].mean()))


def _against_reverse(means: np.ndarray) -> Effect:
    return contrast_effect(means[:, 0] - means[:, 1])


PRUNING_CONTRASTS = {"random ones": _against_random, "least pure ones": _against_reverse}


def _add_verdicts(claims: pd.DataFrame) -> pd.DataFrame:
    """Claims with family, corrected p and verdict."""
    if claims.empty:
        return claims
    is_headline = claims.index.isin(select_headlines(claims).index)
    family = np.where(is_headline, HEADLINES, CASES)
    # cases of one claim: what differs is the model and the dataset; in experiment 1 each model
    # has its own claim
    keys = claims[["claim", "strategy", "projection", "recipe"]].assign(
        family=family, model=claims["model"].where(claims["experiment"] == 1, "")
    )
    keys.loc[is_headline, ["claim", "strategy", "projection", "recipe", "model"]] = ""
    corrected = claims["p"].groupby([keys[name] for name in keys]).transform(holm)
    bounds = np.sort(claims[["low", "high"]].mul(claims["claimed_sign"], axis=0).to_numpy(), axis=1)
    verdicts = [verdict(*row, p) for row, p in zip(bounds, corrected, strict=True)]
    return claims.assign(family=family, p_holm=corrected, verdict=verdicts)


def _image_curves(
    found: Mapping[tuple, PerImage], strategy: str, measure: str
) -> tuple[list[float], dict[int, np.ndarray]]:
    """Values of Cs, the control at 0, and by seed the (n, Cs) outcomes; whole seeds only."""
    heads = {
        (seed, cs): getattr(outcome, measure)
        for (name, cs, seed), outcome in found.items()
        if name in ("none", strategy)
    }
    cs = sorted({value for _, value in heads})
    seeds = sorted({seed for seed, _ in heads})
    whole = [seed for seed in seeds if all((seed, value) in heads for value in cs)]
    return cs, {
        seed: np.stack([heads[seed, value] for value in cs], axis=1).astype(float) for seed in whole
    }


def _gather_curves(
    curves: Mapping[tuple, tuple[list[float], dict[int, np.ndarray]]],
    models: Sequence[str],
    datasets: Sequence[str],
    strategy: str,
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Values of Cs; means over models and datasets (seeds, Cs); and by dataset (n, Cs) by image."""
    chosen = {
        dataset: [curves[model, dataset, strategy] for model in models] for dataset in datasets
    }
    every = [curve for found in chosen.values() for curve in found]
    seeds = sorted(set.intersection(*(set(by_seed) for _, by_seed in every)))
    values = {
        dataset: {seed: np.mean([by_seed[seed] for _, by_seed in found], axis=0) for seed in seeds}
        for dataset, found in chosen.items()
    }
    by_seed = [
        np.mean([images[seed].mean(axis=0) for images in values.values()], axis=0) for seed in seeds
    ]
    by_image = [np.mean(list(images.values()), axis=0) for images in values.values() if seeds]
    return np.array(every[0][0]), np.array(by_seed), by_image


def _average_curves(rows: pd.DataFrame, column: str, model: str, strategy: str) -> pd.DataFrame:
    """Values by seed and Cs, averaged within each seed over all that `rows` holds.

    A seed that lacks a Cs is left out. An empty model means all of them.
    """
    models = [model] if model else rows["model"].unique()
    values = rows.groupby(["model", "strategy", "seed", "cs"], as_index=False)[column].mean()
    curves = [seed_table(values[values["model"] == one], strategy, column) for one in models]
    return sum(curves[1:], curves[0]).dropna() / len(curves)


def _relative_changes(curves: pd.DataFrame) -> np.ndarray:
    """From the smallest Cs to the largest, in per cent of the former, by seed."""
    first, last = curves.iloc[:, 0], curves.iloc[:, -1]
    return (100 * (last - first) / first).to_numpy()


def _row(
    experiment: int,
    claim: str,
    effect: Effect,
    unit: str,
    variation: str,
    published: Published,
    claimed_sign: int = 1,
    recipe: str = "main",
    **place: str,
) -> dict:
    """A row without its verdict, which depends on the other rows of its family."""
    estimate, low, high = (round(bound, 12) for bound in effect[:3])  # rounding is no effect
    is_none = estimate == 0 and not np.isnan(effect.p)
    places = dict.fromkeys(PLACES, "") | place | {"recipe": recipe}
    return {
        "experiment": experiment,
        "claim": claim,
        "scope": _describe_scope(experiment, places),
        "published": published.words,
        "effect": estimate,
        "low": low,
        "high": high,
        "unit": unit,
        "p": 1.0 if is_none else effect.p,
        "variation": variation,
        "published_effect": published.effect,
        "published_other": published.other,
        "claimed_sign": claimed_sign,
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


def _published_pruning(other: str) -> Published:
    if other == "random ones":
        return Published("above random on CIFAR-10 (figure)")
    mean = np.mean(np.subtract(PUBLISHED_HIGH, PUBLISHED_LOW))
    return Published(f"{mean:+.1f} (CIFAR-10); reversed on DTD, EuroSAT at small k", mean)


def _published_slope() -> Published:
    text, figure = (
        np.polyfit(PUBLISHED_CS, values, 1)[0]
        for values in (PUBLISHED_COSINE, PUBLISHED_COSINE_FIGURE)
    )
    return Published(f"{text:+.3f} (text); {figure:+.3f} (figure)", text, figure)
