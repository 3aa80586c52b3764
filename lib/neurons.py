"""Neurons one by one: how pure each is, and which images excite it most and least.

A neuron's activation on an image is its coordinate of the image's unit embedding, what zero-shot
classification multiplies with the classes. Purity is that of `lib.purity`: mean |cos| of the neuron
to the others of its projection, low is pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lib.heads import Head, choose_head
from lib.purity import high_purity_order, mean_abs_cosines, neuron_scores
from lib.random_projections import random_band, random_baseline
from lib.zeroshot import embed

_COSINE_DIGITS = 5  # of what is written: more than a reader can use


class Ranked(NamedTuple):
    """The images that excite each neuron most, strongest first, and least, weakest first.

    Attributes:
        most, least: (neurons, count) rows of the images.
        most_values, least_values: (neurons, count) activations on them.
    """

    most: np.ndarray
    least: np.ndarray
    most_values: np.ndarray
    least_values: np.ndarray


def choose_neurons(scores: np.ndarray, limit: int) -> np.ndarray:
    """At most `limit` neurons, purest first: all, or the purest half and the least pure half.

    Args:
        scores: (dim,) from `purity.neuron_scores`.
        limit: at least 1; of an odd one, the purest half is the larger.
    """
    order = high_purity_order(scores)
    if limit >= len(order):
        return order
    return np.concatenate([order[: limit - limit // 2], order[len(order) - limit // 2 :]])


def describe_purity(heads: Mapping[str, Mapping[str, Head]], limit: int) -> dict[str, Any]:
    """What a page says of a model's neurons beside their images, ready for JSON.

    Args:
        heads: by name of their file ("pretrained", a condition) and label; "pretrained" is there.
        limit: number of neurons, as in `choose_neurons`, which goes by the pretrained head.

    Returns:
        dim, `neurons` (their numbers, purest first), `ranks` (their place among all, from 0, in the
        order that pruning keeps them), `random` (mean |cos| of a random projection with its 95%
        band, by projection), `cosines` (by head and projection, of each neuron, mean over labels).
    """
    pretrained = heads["pretrained"]["pretrained"]
    scores = neuron_scores(pretrained)
    neurons = choose_neurons(scores, limit)
    ranks = np.argsort(high_purity_order(scores))
    widths = {name: len(weights) for name, weights in pretrained.projections().items()}
    return {
        "dim": len(scores),
        "neurons": neurons.tolist(),
        "ranks": ranks[neurons].tolist(),
        "random": {
            name: _round([random_baseline(width), *random_band(width, len(scores))])
            for name, width in widths.items()
        },
        "cosines": {
            name: _average_cosines(list(labelled.values()), neurons)
            for name, labelled in heads.items()
        },
    }


def rank_images(embeddings: np.ndarray, neurons: np.ndarray, count: int) -> Ranked:
    """The `count` images that excite each neuron most, and as many that excite it least.

    Args:
        embeddings: (n, dim) unit embeddings of the images.
        neurons: which of the dim neurons.
        count: no image is both, so where there are fewer than 2 * count images, n // 2.

    Images of equal activation stand in their own order among the least, reversed among the most.
    """
    activations = np.ascontiguousarray(embeddings[:, neurons].T)
    order = np.argsort(activations, axis=1, kind="stable")
    count = min(count, len(embeddings) // 2)
    most, least = order[:, ::-1][:, :count], order[:, :count]
    values = [np.take_along_axis(activations, rows, axis=1) for rows in (most, least)]
    return Ranked(most, least, *values)


def rank_heads(
    features: Mapping[str, np.ndarray],
    heads: Mapping[str, Mapping[str, Mapping[str, Head]]],
    neurons: Mapping[str, Sequence[int]],
    count: int,
    seed: int | None,
) -> dict[str, dict[str, Ranked]]:
    """`rank_images` by model and name of the head; of several seeds, the one given.

    Args:
        features: by model, (n, image width) of the same images in the same order.
        heads: by model, name and label.
        neurons: by model.
    """
    return {
        model: {
            name: rank_images(
                embed(features[model], choose_head(labelled, seed).image_projection),
                np.asarray(neurons[model]),
                count,
            )
            for name, labelled in named.items()
        }
        for model, named in heads.items()
    }


def number_tiles(ranked: Mapping[str, Mapping[str, Ranked]]) -> np.ndarray:
    """The rows of all images that are named at all, ascending: each becomes one tile of a sheet."""
    each = [ranks for heads in ranked.values() for ranks in heads.values()]
    named = [rows.ravel() for ranks in each for rows in (ranks.most, ranks.least)]
    return np.unique(np.concatenate(named))


def describe_ranked(ranked: Mapping[str, Mapping[str, Ranked]], rows: np.ndarray) -> dict[str, Any]:
    """Ranked images ready for JSON, by model and head: tiles (from `number_tiles`), not rows.

    Activations are whole thousandths, which are short: there are a hundred thousand of them.
    """
    return {
        model: {
            name: {
                "most": np.searchsorted(rows, ranks.most).tolist(),
                "least": np.searchsorted(rows, ranks.least).tolist(),
                "most_values": _to_thousandths(ranks.most_values),
                "least_values": _to_thousandths(ranks.least_values),
            }
            for name, ranks in named.items()
        }
        for model, named in ranked.items()
    }


def _average_cosines(heads: Sequence[Head], neurons: np.ndarray) -> dict[str, list[float]]:
    """Mean |cos| of each neuron, by projection, averaged over heads (seeds)."""
    return {
        name: _round(
            np.mean([mean_abs_cosines(head.projections()[name]) for head in heads], axis=0)[neurons]
        )
        for name in ("image", "text")
    }


def _to_thousandths(values: np.ndarray) -> list:
    return np.rint(1000 * np.asarray(values, dtype=np.float64)).astype(int).tolist()


def _round(values: Any) -> list:
    return np.round(np.asarray(values, dtype=np.float64), _COSINE_DIGITS).tolist()
