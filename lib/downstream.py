"""Ways of looking downstream at a head: linear probe, nearest neighbours, image-text retrieval.

All of them work on unit embeddings of cached features, so no tower runs. Definitions are those of
CLIP_benchmark 1.6.2 (Cherti and Beaumont, 2022), which has the same numbers for the same model and
images (`tests/test_clip_benchmark.py`); nearest neighbours, which it lacks, are scikit-learn's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from lib.adamw import AdamW
from lib.evaluation import mean_per_class_recall, true_ranks
from lib.feature_store import DatasetFeatures
from lib.heads import Head
from lib.statistics import Interval, wilson_interval
from lib.zeroshot import (
    check_labels,
    class_embeddings,
    embed,
    logit_blocks,
    predict,
)

RECALLS = (1, 5, 10)  # the k of recall@k
_GROUP = 2**27  # numbers of training embeddings that probes of several heads share: half a GiB


@dataclass(frozen=True)
class ProbeSettings:
    """How linear probes are trained; the defaults are CLIP_benchmark's.

    Attributes:
        lr: learning rate of the first step, from which a cosine falls to 0.
        weight_decay: decoupled (AdamW), on weights and biases.
        seed: of the initial weights and the order of images: one for all heads, so that
            probes differ by their heads alone.
    """

    epochs: int = 10
    batch_size: int = 64
    lr: float = 0.1
    weight_decay: float = 0.0
    seed: int = 0


class Score(NamedTuple):
    """One number of a head.

    Attributes:
        method: `zero_shot`, `knn`, `linear_probe`, `text_retrieval` or `image_retrieval`.
        metric: `accuracy`, `mean_per_class_recall`, `recall@1`, ...
        low, high: Wilson's 95% interval over test images (or queries); of a mean over classes, not
            a number.
        chance: what guessing would yield.
        n: test images, or queries.
    """

    method: str
    metric: str
    value: float
    low: float
    high: float
    chance: float
    n: int


def measure_classification(
    heads: Mapping[str, Head],
    test: DatasetFeatures,
    train_images: np.ndarray,
    train_labels: np.ndarray,
    neighbours: int,
    settings: ProbeSettings,
) -> dict[str, list[Score]]:
    """Zero-shot, nearest-neighbour and linear-probe scores of heads of one model on one dataset.

    Args:
        test: features of the test images and of the prompts of the classes.
        train_images: (n, image width) features of the training images.
        train_labels: (n,) their class numbers.
        neighbours: the k of k nearest neighbours.

    Raises:
        ValueError: shapes do not fit, a label names no class, or there are too few images.
    """
    n_classes = len(test.texts)
    labels = check_labels(test.labels, len(test.images), n_classes)
    train_labels = check_labels(train_labels, len(train_images), n_classes)
    scores = {}
    for group in _group_heads(heads, len(train_images)):
        train = np.stack([embed(train_images, heads[h].image_projection) for h in group])
        tested = np.stack([embed(test.images, heads[h].image_projection) for h in group])
        probed = predict_probes(*train_probes(train, train_labels, n_classes, settings), tested)
        for number, label in enumerate(group):
            classes = class_embeddings(test.texts, heads[label].text_projection)
            nearest = predict_neighbours(
                train[number], train_labels, tested[number], neighbours, n_classes
            )
            predictions = {
                "zero_shot": predict(tested[number], classes),
                "knn": nearest,
                "linear_probe": probed[number],
            }
            scores[label] = [
                score
                for method, predicted in predictions.items()
                for score in score_predictions(method, predicted, labels, n_classes)
            ]
    return scores


def measure_retrieval(head: Head, images: np.ndarray, texts: np.ndarray) -> list[Score]:
    """Recall@k of captions for images (`text_retrieval`) and of images for captions.

    The recall of CLIP-like papers: the share of queries whose own partner is among the k of
    highest cosine (CLIP_benchmark's `zeroshot_retrieval`, with one caption an image).

    Args:
        images: (n, image width) features; texts: (n, text width), row i of both being a pair.
    """
    image_embeddings = embed(images, head.image_projection)
    text_embeddings = embed(texts, head.text_projection)
    ranks = {
        "text_retrieval": retrieval_ranks(image_embeddings, text_embeddings),
        "image_retrieval": retrieval_ranks(text_embeddings, image_embeddings),
    }
    return [
        Score(method, f"recall@{k}", *_share(found < k), min(1.0, k / len(found)), len(found))
        for method, found in ranks.items()
        for k in RECALLS
    ]


def score_predictions(
    method: str, predictions: np.ndarray, labels: np.ndarray, n_classes: int
) -> list[Score]:
    """Accuracy, and mean per-class recall over the classes that occur.

    Args:
        predictions, labels: (n,) class numbers.
    """
    correct = predictions == labels
    recall = mean_per_class_recall(correct, labels)
    about = (1 / n_classes, len(labels))
    return [
        Score(method, "accuracy", *_share(correct), *about),
        Score(method, "mean_per_class_recall", recall, math.nan, math.nan, *about),
    ]


def predict_neighbours(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, k: int, n_classes: int
) -> np.ndarray:
    """The class that most of the k training images of highest cosine have.

    Of classes with as many votes, the first: scikit-learn's `KNeighborsClassifier`.

    Args:
        train: (n, dim) and test: (m, dim), unit embeddings.
        train_labels: (n,) class numbers below `n_classes`.

    Returns:
        (m,) int64.

    Raises:
        ValueError: fewer than k training images.
    """
    if len(train) < k:
        raise ValueError(f"{len(train)} training images, expected at least the {k} neighbours")
    predictions = np.empty(len(test), dtype=np.int64)
    for start, cosines in logit_blocks(test, train):
        nearest = np.argpartition(cosines, len(train) - k, axis=1)[:, -k:]
        cells = train_labels[nearest] + n_classes * np.arange(len(cosines))[:, None]
        votes = np.bincount(cells.ravel(), minlength=n_classes * len(cosines))
        predictions[start : start + len(cosines)] = votes.reshape(-1, n_classes).argmax(axis=1)
    return predictions


def train_probes(
    embeddings: np.ndarray, labels: np.ndarray, n_classes: int, settings: ProbeSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regressions of the class on the embedding, one a head, trained side by side.

    CLIP_benchmark's `linear_probe.train`: AdamW on the cross-entropy of batches, a cosine without
    warm-up, and the random numbers that its `torch.nn.Linear` and `DataLoader` draw from the seed.

    Args:
        embeddings: (heads, n, dim) float32 unit embeddings of the training images.
        labels: (n,) class numbers below `n_classes`.

    Returns:
        weights (heads, dim, classes) and biases (heads, classes), float32.
    """
    inputs, targets = torch.from_numpy(embeddings), torch.from_numpy(labels)
    heads, count, dim = inputs.shape
    generator = torch.Generator().manual_seed(settings.seed)
    bound = 1 / math.sqrt(dim)
    initial = torch.empty(n_classes, dim).uniform_(-bound, bound, generator=generator)
    weights = initial.T.repeat(heads, 1, 1).requires_grad_()
    initial = torch.empty(n_classes).uniform_(-bound, bound, generator=generator)
    biases = initial.repeat(heads, 1, 1).requires_grad_()
    optimizer = AdamW([weights, biases], settings.weight_decay, betas=(0.9, 0.999), eps=1e-8)
    steps = settings.epochs * -(-count // settings.batch_size)
    step = 0
    for _ in range(settings.epochs):
        for rows in _draw_order(count, generator).split(settings.batch_size):
            logits = torch.baddbmm(biases, inputs[:, rows], weights)
            # summed over heads, which share no weight: each has the gradient of its own mean
            functional.cross_entropy(
                logits.flatten(0, 1), targets[rows].repeat(heads), reduction="sum"
            ).div(len(rows)).backward()
            optimizer.step(settings.lr * (1 + math.cos(math.pi * step / steps)) / 2)
            step += 1
    return weights.detach().numpy(), biases.detach().numpy()[:, 0]


def predict_probes(weights: np.ndarray, biases: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """The class of highest logit: (heads, m) int64.

    Args:
        weights, biases: of `train_probes`.
        embeddings: (heads, m, dim) of the test images.
    """
    return np.stack(
        [
            (rows.astype(np.float64) @ weight + bias).argmax(axis=1)
            for rows, weight, bias in zip(embeddings, weights, biases, strict=True)
        ]
    )


def retrieval_ranks(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """How many of the gallery come before each query's own partner, by cosine.

    Of equal cosines the first row comes first.

    Args:
        queries, gallery: (n, dim) unit embeddings, row i of both being a pair.

    Returns:
        (n,) int64, 0 where the partner is found first.

    Raises:
        ValueError: shapes differ.
    """
    if queries.shape != gallery.shape:
        raise ValueError(f"pairs of {queries.shape} and {gallery.shape}, expected the same shape")
    return true_ranks(queries, np.arange(len(queries)), gallery)


def _share(is_right: np.ndarray) -> Interval:
    return wilson_interval(int(is_right.sum()), len(is_right))


def _draw_order(count: int, generator: torch.Generator) -> torch.Tensor:
    """An epoch's order (count,) as PyTorch's shuffling `DataLoader` draws it."""
    drawn = torch.empty((), dtype=torch.int64)
    drawn.random_(generator=generator)  # the loader's seed for its workers: nothing needs it here
    seed = int(drawn.random_(generator=generator))
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def _group_heads(heads: Mapping[str, Head], count: int) -> list[Sequence[str]]:
    """Labels of heads whose training embeddings are in memory together."""
    labels = list(heads)
    dim = heads[labels[0]].image_projection.shape[1]
    size = max(1, _GROUP // (count * dim))
    return [labels[start : start + size] for start in range(0, len(labels), size)]
