"""The cosine silhouette, beside scikit-learn's."""

from collections.abc import Callable

import numpy as np

from benchmarks.measuring import Side, compare, median_ratio, median_seconds
from benchmarks.settings import Row, Settings, format_table, tell

DIM = 512
TARGETS = {10: 200, 100: 60}  # how many times faster, by the number of classes

LIMIT = """\
Ours is exact in float64 (scikit-learn's is in float32 here), and the limit is arithmetic: with
100 classes half of the time is one product of (n, dim) and (dim, classes) at the speed of the BLAS;
with 10 it is a fifth, and the rest goes to passes over the embeddings: sorting them by class,
lengths and class sums, each bound by memory. Tried and kept: class sums without the BLAS (its
threads wait for one another longer than such sums take: 100 classes took 47 instead of 26 ms).
Tried and left: blocks of other sizes, one buffer for all of them (no difference), sums by
`np.add.reduceat` (21 instead of 5 ms), the blocks shared by two threads with one thread of the BLAS
each (12 instead of 16 ms with 10 classes, 22 instead of 25 with 100: still not 200 times, and jobs
that evaluate have one thread). Not done: float32 for the product (13 instead of 22 ms on one
thread, but distances near zero would be wrong)."""


def draw_embeddings(count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, DIM) float32 around the means of classes, and their labels."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % classes
    generator.shuffle(labels)
    means = generator.standard_normal((classes, DIM), dtype=np.float32) / 2
    rows = means[labels] + generator.standard_normal((count, DIM), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), labels


def prepare_ours(count: int, classes: int) -> Callable[[], float]:
    from lib.silhouette import silhouette_score

    rows, labels = draw_embeddings(count, classes)
    return lambda: silhouette_score(rows, labels)


def prepare_peer(count: int, classes: int) -> Callable[[], float]:
    from sklearn.metrics import silhouette_score

    rows, labels = draw_embeddings(count, classes)
    return lambda: float(silhouette_score(rows, labels, metric="cosine"))


def measure_rows(settings: Settings) -> list[Row]:
    count = settings.choose(300, 10_000, 10_000)
    table, ratios, worst = [], {}, 0.0
    for classes in TARGETS:
        arguments = {"count": count, "classes": classes}
        sides = {
            "ours": Side("silhouettes", "prepare_ours", arguments, settings.choose(1, 15, 25)),
            "scikit-learn": Side("silhouettes", "prepare_peer", arguments),
        }
        costs = compare(sides, settings.choose(1, 3, 5), settings.in_process)
        ratios[classes] = median_ratio(costs["scikit-learn"], costs["ours"])
        found = {name: some[0].found for name, some in costs.items()}
        worst = max(worst, abs(found["ours"] - found["scikit-learn"]))
        seconds = (f"{1000 * median_seconds(some):.1f} ms" for some in costs.values())
        scores = (f"{score:.9f}" for score in found.values())
        table.append([str(classes), *seconds, f"{ratios[classes]:.0f}", *scores])
    headings = ["classes", "ours", "scikit-learn", "times", "score", "score of scikit-learn"]
    told = ", ".join(f"{ratio:.0f} times ({n} classes)" for n, ratio in ratios.items())
    holds = all(ratios[n] >= target for n, target in TARGETS.items()) and worst < 1e-6
    return [
        Row(
            f"cosine silhouette, {count:,} embeddings of {DIM} dimensions",
            "scikit-learn",
            "200 times (10 classes), 60 times (100 classes), difference below 1e-6",
            f"{told}, difference {worst:.0e}",
            tell(holds),
            [format_table(headings, table), LIMIT],
        )
    ]
