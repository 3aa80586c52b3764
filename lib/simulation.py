"""Experiment 0: whether what can be observed of a model's neurons tells how pure they truly are.

On pairs of known making (`lib.sparse_pairs`) the true purity of a neuron can be seen: the largest
|cos| of its weights with a concept's column of the dictionary. Encoders (`lib.twin_encoders`) are
trained on raw pairs, then on pairs in which a recaptioner has replaced doubtful captions: the
remedy of Sun et al. (NeurIPS 2025).
"""

import itertools
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import normalize

from lib.random_projections import random_baseline
from lib.silhouette import silhouette_score
from lib.sparse_pairs import (
    Dictionaries,
    PairSettings,
    SparsePairs,
    ZeroShotTest,
    draw_clean_pairs,
    draw_dictionaries,
    draw_pairs,
    draw_test,
)
from lib.twin_encoders import Encoders, TrainingSettings, encode, initial_encoders, train_encoders

PURIFIED = 0.9  # a concept is a purified feature where a neuron's |cos| with it is at least this
PURIFIED_ALTERNATIVES = (0.7, 0.8, 0.95)


class RemedySettings(NamedTuple):
    """How captions are replaced.

    Attributes:
        ridge: penalty of the recaptioner's least squares, for each clean pair.
        false_replacements: largest share of held-out clean pairs whose caption may be replaced.
    """

    ridge: float
    false_replacements: float


class Filtered(NamedTuple):
    """Pairs after the remedy, and (runs, n) which captions it replaced."""

    pairs: SparsePairs
    is_replaced: torch.Tensor


def simulate(
    pair_settings: PairSettings,
    training: TrainingSettings,
    remedy: RemedySettings,
    shares: list[float],
    seeds: list[int],
) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Run the whole experiment, all runs in one batch.

    Args:
        shares: probabilities p of a spurious partner.
        seeds: each draws its own dictionaries, pairs and initial weights.

    Returns:
        One row for each seed untrained, then for each p, seed and kind of data (raw, filtered).
        And by kind of data, (p, seeds, neurons) the largest |cos| of each neuron of the image
        encoder with a concept; untrained (1, seeds, neurons).
    """
    run_shares, run_seeds = map(list, zip(*itertools.product(shares, seeds), strict=True))
    dictionaries = draw_dictionaries(pair_settings, run_seeds)
    test = draw_test(pair_settings, dictionaries, run_seeds)
    raw = draw_pairs(pair_settings, dictionaries, run_seeds, run_shares)
    held_out = draw_clean_pairs(pair_settings, dictionaries, run_seeds)

    encoders = {"raw": train_encoders(training, raw, run_seeds)}
    filtered = filter_pairs(encoders["raw"], raw, held_out, remedy)
    encoders["filtered"] = train_encoders(training, filtered.pairs, run_seeds)

    untrained = initial_encoders(training, pair_settings.dimension, run_seeds)
    return (
        _list_rows(shares, seeds, encoders, untrained, dictionaries, test, raw, filtered),
        _list_purities(shares, seeds, encoders, untrained, dictionaries),
    )


def filter_pairs(
    encoders: Encoders, pairs: SparsePairs, held_out: SparsePairs, remedy: RemedySettings
) -> Filtered:
    """Replace captions by the recaptioner's, where the encoders find these to fit the image better.

    The recaptioner is a linear map from images to texts, least squares on the pairs that are known
    to be clean. Another pair's caption is replaced where the image's cosine to its recaption
    exceeds that to its caption by more than a margin: that quantile of the held-out clean pairs'
    own excess, not below 0, above which at most `false_replacements` of them lie.
    """
    recaptioner = fit_recaptioner(pairs, remedy.ridge)
    gains = recaption_gains(encoders, held_out, recaptioner)
    margin = torch.quantile(
        gains, 1 - remedy.false_replacements, dim=1, interpolation="higher", keepdim=True
    ).clamp(min=0)
    is_replaced = (recaption_gains(encoders, pairs, recaptioner) > margin) & ~pairs.is_clean
    texts = torch.where(is_replaced[..., None], pairs.images @ recaptioner, pairs.texts)
    return Filtered(pairs._replace(texts=texts), is_replaced)


def fit_recaptioner(pairs: SparsePairs, ridge: float) -> torch.Tensor:
    """(runs, dimension, dimension) map from images to texts: ridge regression on clean pairs."""
    images = pairs.images * pairs.is_clean[..., None]
    counts = pairs.is_clean.sum(dim=1).view(-1, 1, 1)
    identity = torch.eye(images.shape[2])
    return torch.linalg.solve(
        images.mT @ images + ridge * counts * identity, images.mT @ pairs.texts
    )


def recaption_gains(
    encoders: Encoders, pairs: SparsePairs, recaptioner: torch.Tensor
) -> torch.Tensor:
    """(runs, n) by how much more the image's cosine is to its recaption than to its caption."""
    images = _unit_embeddings(pairs.images, encoders.image, encoders)
    recaptions = _unit_embeddings(pairs.images @ recaptioner, encoders.text, encoders)
    captions = _unit_embeddings(pairs.texts, encoders.text, encoders)
    return (images * (recaptions - captions)).sum(dim=-1)


def measure_replacement(is_wrong: torch.Tensor, is_replaced: torch.Tensor) -> list[dict]:
    """Share of captions replaced in each run; its precision and recall against the wrong ones.

    Where nothing was replaced there is no precision, where nothing was wrong no recall (None).
    """
    hits = (is_wrong & is_replaced).sum(dim=1).tolist()
    wrong, replaced = is_wrong.sum(dim=1).tolist(), is_replaced.sum(dim=1).tolist()
    n = is_wrong.shape[1]
    return [
        {
            "wrong_share": w / n,
            "replaced_share": r / n,
            "precision": h / r if r else None,
            "recall": h / w if w else None,
        }
        for h, w, r in zip(hits, wrong, replaced, strict=True)
    ]


def concept_cosines(weights: torch.Tensor, dictionary: torch.Tensor) -> torch.Tensor:
    """(runs, neurons, concepts) |cos| of each neuron with each column of the dictionary."""
    return (normalize(weights, dim=1).mT @ dictionary).abs()


def neuron_abs_cosines(weights: torch.Tensor) -> torch.Tensor:
    """(runs, neurons) mean |cos| of each neuron to the others, as in `lib.purity`."""
    unit = normalize(weights, dim=1)
    magnitudes = (unit.mT @ unit).abs()
    magnitudes.diagonal(dim1=1, dim2=2).zero_()
    return magnitudes.sum(dim=2) / (weights.shape[2] - 1)


def rank_correlation(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(runs,) Spearman's correlation along the last axis of two (runs, n), which have no ties."""
    ranks = torch.stack([first, second]).argsort(dim=-1).argsort(dim=-1).double()
    ranks -= ranks.mean(dim=-1, keepdim=True)
    return (ranks[0] * ranks[1]).sum(dim=-1) / ranks[0].square().sum(dim=-1)


def measure_runs(
    encoders: Encoders, dictionaries: Dictionaries, test: ZeroShotTest
) -> list[dict[str, float]]:
    """Measures of each run. What is told of neurons is the mean of both encoders.

    `true_purity`: mean over neurons of the largest |cos| with a concept. `purified_features`:
    concepts with which a neuron has a |cos| of at least 0.9 (and `_70`, `_80`, `_95` for other
    criteria). `feature_magnitude`: mean over concepts of the largest |cos| with a neuron.
    `neuron_rank_correlation`: Spearman's, within the run, of a neuron's mean |cos| to the others
    with its true purity.
    """
    pairs = [
        (encoders.image, dictionaries.image),
        (encoders.text, dictionaries.text),
    ]
    cosines = [concept_cosines(weights, dictionary) for weights, dictionary in pairs]
    best = torch.stack([each.amax(dim=1) for each in cosines])  # (encoders, runs, concepts)
    columns = {
        "true_purity": torch.stack([each.amax(dim=2).mean(dim=1) for each in cosines]).mean(dim=0),
        "mean_abs_cos": torch.stack([neuron_abs_cosines(w).mean(dim=1) for w, _ in pairs]).mean(
            dim=0
        ),
        "feature_magnitude": best.mean(dim=(0, 2)),
        "purified_features": _count_features(best, PURIFIED),
    }
    for criterion in PURIFIED_ALTERNATIVES:
        columns[f"purified_features_{100 * criterion:.0f}"] = _count_features(best, criterion)
    columns["neuron_rank_correlation"] = torch.stack(
        [
            rank_correlation(neuron_abs_cosines(weights), cosine.amax(dim=2))
            for (weights, _), cosine in zip(pairs, cosines, strict=True)
        ]
    ).mean(dim=0)
    columns |= measure_test(encoders, test)
    columns["random_baseline"] = torch.full((len(best[0]),), random_baseline(len(pairs[0][0][0])))
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in values]


def measure_test(encoders: Encoders, test: ZeroShotTest) -> dict[str, torch.Tensor]:
    """(runs,) zero-shot accuracy, and the cosine silhouette of the images by class."""
    images = _unit_embeddings(test.images, encoders.image, encoders)
    prompts = _unit_embeddings(test.prompts, encoders.text, encoders)
    predicted = (images @ prompts.mT).argmax(dim=2)
    labels = test.labels.numpy()
    return {
        "accuracy": (predicted == test.labels).double().mean(dim=1),
        "silhouette": torch.tensor([silhouette_score(run.numpy(), labels) for run in images]),
    }


def _count_features(best: torch.Tensor, criterion: float) -> torch.Tensor:
    return (best >= criterion).double().sum(dim=2).mean(dim=0)


def _unit_embeddings(
    inputs: torch.Tensor, weights: torch.Tensor, encoders: Encoders
) -> torch.Tensor:
    """Embeddings of unit length; one that no neuron answers to is zero."""
    return normalize(encode(inputs, weights, encoders.threshold), dim=-1)


def _list_rows(shares, seeds, encoders, untrained, dictionaries, test, raw, filtered) -> list[dict]:
    """One row for each seed untrained, then two for each p and seed."""
    by_data = {data: measure_runs(each, dictionaries, test) for data, each in encoders.items()}
    replaced = measure_replacement(raw.is_wrong, filtered.is_replaced)
    nothing = dict.fromkeys(replaced[0])
    rows = [
        {"p": None, "seed": seed, "data": "untrained"} | measures | nothing
        for seed, measures in zip(seeds, measure_runs(untrained, dictionaries, test), strict=False)
    ]
    for number, (p, seed) in enumerate(itertools.product(shares, seeds)):
        for data, measures in by_data.items():
            found = replaced[number] if data == "filtered" else nothing
            rows.append({"p": p, "seed": seed, "data": data} | measures[number] | found)
    return rows


def _list_purities(shares, seeds, encoders, untrained, dictionaries) -> dict[str, np.ndarray]:
    """(p, seeds, neurons) largest |cos| of the image encoder's neurons, by kind of data."""
    purities = {}
    for data, each in {"untrained": untrained, **encoders}.items():
        largest = concept_cosines(each.image, dictionaries.image).amax(dim=2)
        purities[data] = largest.view(len(shares), len(seeds), -1).numpy()
    return purities | {"untrained": purities["untrained"][:1]}
