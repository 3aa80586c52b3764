"""The cosine silhouette, beside scikit-learn's."""

from collections.abc import Callable

import numpy as np

from benchmarks.measuring import Cost, Side, compare, median_ratio, median_seconds
from benchmarks.settings import Row, Settings, format_table, tell

DIM = 512
TARGETS = {10: 200, 100: 60}  # how many times faster, by the number of classes

LIMIT = """\
A process' first call pays for memory that is new to it: scikit-learn's 1 GB of distances costs it
more than the arithmetic. The target is held against repeated calls, which have that memory already.

Ours is exact in float64 (scikit-learn's is in float32 here). Of 7 ms with 10 classes (two cores of
an AMD EPYC, 2026-11-27), 1.5 turn the rows into float64 (twice, in blocks that stay in the cache),
0.5 take their lengths, 1.4 the class sums, 2.7 are the product of (n, dim) and (dim, classes), 0.8
the minima over classes. With 100 classes the product takes two thirds of the time. 200 times as
fast as scikit-learn's repeated calls would be 3.4 ms there: hardly more than the product.

Tried and kept: class sums as a sparse product, which leaves rows in their order (half of the time
with 10 classes). Tried and left: blocks of 32 to 256 rows and blocks in a buffer that is used again
(no faster, or slower), blocks shared among two threads (0.75 of the time at best, for a pool, a
limit on the threads of BLAS and a block size that must fit both), sums by `np.add.reduceat`.

Float32 throughout takes 0.3 of the time with 10 classes and 0.4 with 100 (4.2 and 10 ms on two
cores of an Intel Xeon, where scikit-learn took 1.0 and 1.6 s). It was tried and left: it is exact
only on embeddings that point everywhere. Where they share a direction, as those of CLIP do,
distances are small beside 1: a sample's silhouette is wrong by 2e-7 at a mean cosine of 0, by 1e-6
at 0.5, 2e-5 at 0.96 and 7e-4 at 0.999.

What embeddings share cancels in b - a, so float32 is enough for the product alone, of the rows and
the classes' deviations from a common mean, with lengths, sums and the part along that mean in
float64: wrong by 2e-7 at a mean cosine of 0.96, by 8e-7 at 0.999, 3e-6 at 0.9999. That takes 0.7 of
the time with 10 classes and 0.55 with 100 (11 and 15 ms of 16 and 27). It was left: half as much
code again for milliseconds of a study, and no longer exact wherever embeddings point."""


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
    table, ratios, first_ratios, worst = [], [], [], 0.0
    for classes in TARGETS:
        arguments = {"count": count, "classes": classes}
        repeats = {"ours": settings.choose(1, 15, 25), "peer": settings.choose(1, 3, 5)}
        sides = {
            name: Side("silhouettes", f"prepare_{name}", arguments, each)
            for name, each in repeats.items()
        }
        costs = compare(sides, settings.choose(1, 3, 5), settings.in_process)
        ratio, times = _tell_times(costs)
        first_ratio, first_times = _tell_times(
            {
                name: [each._replace(seconds=each.first) for each in some]
                for name, some in costs.items()
            }
        )
        scores = [some[0].found for some in costs.values()]
        worst = max(worst, abs(scores[0] - scores[1]))
        ratios.append(ratio)
        first_ratios.append(first_ratio)
        table.append([str(classes), *times, *first_times, *(f"{score:.9f}" for score in scores)])
    times = ["ours", "scikit-learn", "times"]
    headings = ["classes", *times, *(f"first call: {each}" for each in times)]
    holds = all(np.array(ratios) >= list(TARGETS.values())) and worst < 1e-6
    told = " and ".join(f"{each:.0f}" for each in ratios)
    told_first = " and ".join(f"{each:.0f}" for each in first_ratios)
    return [
        Row(
            f"cosine silhouette, {count:,} embeddings of {DIM} dimensions, 10 and 100 classes",
            "scikit-learn",
            "200 and 60 times faster, difference below 1e-6",
            f"{told} times (first call of a process: {told_first}), difference {worst:.0e}",
            tell(holds),
            [format_table([*headings, "score", "score of scikit-learn"], table), LIMIT],
        )
    ]


def _tell_times(costs: dict[str, list[Cost]]) -> tuple[float, list[str]]:
    """How many times as long the peer took, and cells of a table that tell it."""
    ratio = median_ratio(costs["peer"], costs["ours"])
    return ratio, [
        *(f"{1000 * median_seconds(some):.1f} ms" for some in costs.values()),
        f"{ratio:.0f}",
    ]
