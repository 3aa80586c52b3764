"""What a head is worth on a dataset: zero-shot accuracy and the silhouette of its classes.

Apart from `lib.zeroshot`, which fine-tuning uses, too: a change of what is measured trains nothing.
"""

from typing import Any

import numpy as np

from lib.heads import Head
from lib.silhouette import silhouette_pseudo_values
from lib.zeroshot import check_labels, class_embeddings, embed, logit_blocks


def evaluate(
    images: np.ndarray, labels: np.ndarray, texts: np.ndarray, head: Head
) -> dict[str, Any]:
    """Zero-shot accuracy and cosine silhouette of a head on a dataset.

    Args:
        images: (n, image width) features.
        labels: (n,) class numbers, rows of `texts`.
        texts: (classes, templates, text width) features of the prompts.
        head: the projections.

    Returns:
        A dict of accuracy, acc5 (not a number with fewer than 5 classes), mean_per_class_recall
        over the classes that occur, silhouette of the image embeddings by true label, n_images,
        n_classes, and for each image whether it is `correct` (n,) bool and what it contributes to
        the silhouette, `silhouette_pseudo_values` (n,) float64 (see `lib.silhouette`).

    Raises:
        ValueError: shapes do not fit, a label names no class, or fewer than 2 classes occur.
    """
    classes = class_embeddings(texts, head.text_projection)
    return evaluate_embeddings(embed(images, head.image_projection), labels, classes)


def evaluate_embeddings(
    image_embeddings: np.ndarray, labels: np.ndarray, classes: np.ndarray
) -> dict[str, Any]:
    """`evaluate` for images (n, dim) and classes (classes, dim) that are embedded already."""
    labels = check_labels(labels, len(image_embeddings), len(classes))
    ranks = true_ranks(image_embeddings, labels, classes)
    correct = ranks == 0
    pseudo_values = silhouette_pseudo_values(image_embeddings, labels)
    return {
        "accuracy": float(correct.mean()),
        "acc5": float((ranks < 5).mean()) if len(classes) >= 5 else float("nan"),
        "mean_per_class_recall": mean_per_class_recall(correct, labels),
        "silhouette": float(pseudo_values.mean()),
        "n_images": len(labels),
        "n_classes": len(classes),
        "correct": correct,
        "silhouette_pseudo_values": pseudo_values,
    }


def mean_per_class_recall(correct: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the classes that occur of the share of a class's images that are right.

    Args:
        correct: (n,) bool; labels: (n,) class numbers.
    """
    counts = np.bincount(labels)
    recalls = np.bincount(labels, weights=correct)[counts > 0]
    return float((recalls / counts[counts > 0]).mean())


def true_ranks(image_embeddings: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How many classes come before the true one; of equal cosines the first class comes first.

    Args:
        image_embeddings: (n, dim) of any length.
        labels: (n,) rows of `classes`.
        classes: (classes, dim) unit vectors.

    Returns:
        (n,) int64, 0 where the true class is predicted.
    """
    ranks = np.empty(len(labels), dtype=np.int64)
    for start, logits in logit_blocks(image_embeddings, classes):
        truth = labels[start : start + len(logits), None]
        own = np.take_along_axis(logits, truth, axis=1)
        before = (logits > own) | ((logits == own) & (np.arange(len(classes)) < truth))
        ranks[start : start + len(logits)] = before.sum(axis=1)
    return ranks
