"""Accuracy at every number of neurons kept, beside the original's seven, evaluated afresh."""

from collections.abc import Callable

import numpy as np

from benchmarks.measuring import Side, compare, median_ratio, median_seconds
from benchmarks.original import evaluate_pruned
from benchmarks.settings import Row, Settings, format_table, tell
from benchmarks.silhouettes import DIM, draw_embeddings

CLASSES = 100
THEIRS = (200, 250, 300, 350, 400, 450, 500)
DRAWS = 10


def draw_dataset(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Embeddings, labels, classes, and orders of the neurons: purest first, reversed, random."""
    rows, labels = draw_embeddings(count, CLASSES)
    classes = np.stack([rows[labels == each].mean(axis=0) for each in range(CLASSES)])
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)
    generator = np.random.default_rng(1)
    first = generator.permutation(DIM)
    orders = [first, first[::-1], *(generator.permutation(DIM) for _ in range(DRAWS))]
    return rows, labels, classes, orders


def prepare_ours(count: int) -> Callable[[], list]:
    """Every k, silhouettes at every 8th, for all orders; returns those at the original's k."""
    from lib.pruning import sweep_accuracy, sweep_silhouette

    rows, labels, classes, orders = draw_dataset(count)

    def run() -> list:
        found = []
        for order in orders:
            accuracies = sweep_accuracy(rows, labels, classes, order, range(1, DIM + 1))
            silhouettes = sweep_silhouette(rows, labels, order, range(8, DIM + 1, 8))
            found.append((accuracies, silhouettes))
        return [
            [float(accuracies[k - 1]), float(silhouettes[k // 8 - 1])]
            for accuracies, silhouettes in found[:3]
            for k in THEIRS
            if k % 8 == 0
        ]

    return run


def prepare_original(count: int) -> Callable[[], list]:
    """Seven k for three orders: purest, least pure, one random."""
    rows, labels, classes, orders = draw_dataset(count)

    def run() -> list:
        found = {
            (number, k): evaluate_pruned(rows, labels, classes, order[:k])
            for number, order in enumerate(orders[:3])
            for k in THEIRS
        }
        return [list(pair) for (_, k), pair in found.items() if k % 8 == 0]

    return run


def measure_rows(settings: Settings) -> list[Row]:
    count = settings.choose(400, 10_000, 10_000)
    sides = {
        "original": Side("pruning", "prepare_original", {"count": count}),
        "ours": Side("pruning", "prepare_ours", {"count": count}),
    }
    costs = compare(sides, settings.choose(1, 1, 3), settings.in_process)
    faster = median_ratio(costs["original"], costs["ours"])
    found = (np.array(some[0].found) for some in costs.values())
    accuracy, silhouette = abs(np.subtract(*found)).max(axis=0)
    evaluations = {"original": 3 * len(THEIRS), "ours": (2 + DRAWS) * DIM}
    table = [
        [
            name,
            f"{evaluations[name]:,}",
            f"{median_seconds(some):.1f}",
            f"{1000 * median_seconds(some) / evaluations[name]:.1f}",
        ]
        for name, some in costs.items()
    ]
    return [
        Row(
            f"pruning: accuracy at every k from 1 to {DIM}, silhouette at every 8th, high, low "
            f"and {DRAWS} random orders, {count:,} images, {CLASSES} classes",
            f"the original's {len(THEIRS)} values of k (high, low, one random order), without its "
            "re-embedding",
            "less time",
            f"{1 / faster:.2f} of its time for {evaluations['ours'] / evaluations['original']:.0f} "
            "times as many evaluations",
            tell(faster > 1),
            [
                format_table(["side", "evaluations", "seconds", "ms an evaluation"], table),
                f"Largest difference where both evaluate: accuracy {accuracy:.0e} (an image whose "
                f"best two classes are equal to the last bit), silhouette {silhouette:.0e}.",
            ],
        )
    ]
