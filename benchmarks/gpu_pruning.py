"""Silhouettes and the pruning sweep in PyTorch, to see whether a GPU would pay for them.

The study computes both on a CPU, exactly, in seconds (`lib.silhouette`, `lib.pruning`). These are
the same in float64, on whatever device.
"""

from collections.abc import Callable

from benchmarks.pruning import DIM, THEIRS, draw_dataset
from benchmarks.silhouettes import draw_embeddings


def score_silhouette(rows, labels) -> float:
    """Mean silhouette of (n, dim) float64 rows without zero vectors or classes of one."""
    import torch

    rows = rows / rows.norm(dim=1, keepdim=True)
    counts = torch.bincount(labels)
    sums = torch.zeros(len(counts), rows.shape[1], dtype=rows.dtype, device=rows.device)
    products = rows @ sums.index_add_(0, labels, rows).T
    own = labels[:, None]
    within = 1 - (products.gather(1, own)[:, 0] - 1) / (counts[labels] - 1)
    between = (1 - products / counts).scatter(1, own, torch.inf).min(dim=1).values
    return float(((between - within) / torch.maximum(between, within)).mean())


def prepare_silhouette(count: int, classes: int, device: str) -> Callable[[], float]:
    """From the embeddings in the machine's memory to the score."""
    import torch

    rows, labels = draw_embeddings(count, classes)

    def run() -> float:
        there = torch.from_numpy(rows).to(device).double()
        return score_silhouette(there, torch.from_numpy(labels).to(device))

    return run


def prepare_pruning(count: int, device: str) -> Callable[[], list]:
    """As `pruning.prepare_ours`: every k, silhouettes at every 8th, all orders in one pass."""
    import torch

    rows, labels, classes, orders = draw_dataset(count)

    def run() -> list:
        images = torch.from_numpy(rows).to(device).double()
        weights = torch.from_numpy(classes).to(device).double()
        truth = torch.from_numpy(labels).to(device)
        logits = torch.zeros(len(orders), count, len(classes), dtype=torch.float64, device=device)
        accuracies, silhouettes = {}, {}
        for k in range(1, DIM + 1):
            added = [int(order[k - 1]) for order in orders]
            logits += images[:, added].T[:, :, None] * weights[:, added].T[:, None, :]
            accuracies[k] = (logits.argmax(dim=2) == truth).double().mean(dim=1)
            if k % 8 == 0:
                silhouettes[k] = [
                    score_silhouette(images[:, order[:k].copy()], truth) for order in orders
                ]
        return [
            [float(accuracies[k][number]), silhouettes[k][number]]
            for number in range(3)
            for k in THEIRS
            if k % 8 == 0
        ]

    return run
