"""Captions to swapped captions at four Cs, beside the original's dense procedure."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from benchmarks.measuring import Side, compare, median_ratio, median_seconds
from benchmarks.original import draw_swaps, make_similarities
from benchmarks.settings import Row, Settings, format_table, read_captions, tell
from lib import neighbours
from lib.swaps import swap

RATES = (0.1, 0.3, 0.5, 0.8)

LIMIT = """\
Both draw at random, from other streams: rates are equal, and similarities up to the draws.
Vectorising is left out of the seconds.

Of 0.25 s of ours on two cores of an AMD EPYC (2026-11-27), 77 ms are the product of sparse matrices
on two threads, 15 the order of the texts and the tables of neighbours, 50 the words that are
compared (32 of them token ids, which the original does not look at), 105 the visits of four swaps.
How many times faster that is depends on the machine: on another with two cores the original took
16 s, on that one 3.2. 40 times as fast would be 80 ms there, hardly more than the product."""


@contextmanager
def time_vectorising() -> Iterator[list[float]]:
    """Seconds of each call of `neighbours.vectorise` within the block, whoever calls it."""
    seconds: list[float] = []
    vectorise = neighbours.vectorise

    def timed(*arguments):
        started = time.perf_counter()
        try:
            return vectorise(*arguments)
        finally:
            seconds.append(time.perf_counter() - started)

    with patch.object(neighbours, "vectorise", timed):
        yield seconds


def prepare_ours(path: str | None, count: int) -> Callable[[], dict]:
    """Neighbours, then a swap at each rate."""
    texts = read_captions(path, count)
    neighbours.find_neighbours(texts[:100])  # imports

    def run() -> dict:
        with time_vectorising() as vectorising:
            found = neighbours.find_neighbours(texts, n_threads=2)
        swaps = [swap(found, rate, "similar", 42) for rate in RATES]
        return {
            "vectorising": sum(vectorising),
            "swapped": [2 * len(each.pairs) / count for each in swaps],
            "similarity": [float(each.similarities.mean()) for each in swaps],
        }

    return run


def prepare_original(path: str | None, count: int) -> Callable[[], dict]:
    """The dense matrix of all similarities, then a swap at each rate."""
    texts = read_captions(path, count)
    neighbours.find_neighbours(texts[:100])

    def run() -> dict:
        with time_vectorising() as vectorising:
            vectors = neighbours.vectorise([neighbours.normalise(each) for each in texts])
        similarities = make_similarities(vectors)
        pairs = [draw_swaps(similarities, rate, 42) for rate in RATES]
        return {
            "vectorising": sum(vectorising),
            "swapped": [2 * len(each) / count for each in pairs],
            "similarity": [float(similarities[each[:, 0], each[:, 1]].mean()) for each in pairs],
        }

    return run


def measure_rows(settings: Settings) -> list[Row]:
    count = settings.choose(200, 15_833, 15_833)
    arguments = {"path": settings.captions, "count": count}
    sides = {
        "original": Side("swaps", "prepare_original", arguments),
        "ours": Side("swaps", "prepare_ours", arguments),
    }
    costs = compare(sides, settings.choose(1, 3, 5), settings.in_process)
    # vectorising is the same on both sides
    costs = {
        name: [each._replace(seconds=each.seconds - each.found["vectorising"]) for each in some]
        for name, some in costs.items()
    }
    faster = median_ratio(costs["original"], costs["ours"])
    memory = {name: max(cost.above for cost in some) for name, some in costs.items()}
    share = memory["ours"] / max(memory["original"], 1e-9)
    table = [
        [
            name,
            f"{median_seconds(some):.2f}",
            f"{some[0].found['vectorising']:.2f}",
            f"{memory[name]:,.0f}",
            ", ".join(f"{rate:.4f}" for rate in some[0].found["swapped"]),
            ", ".join(f"{mean:.3f}" for mean in some[0].found["similarity"]),
        ]
        for name, some in costs.items()
    ]
    headings = ["side", "seconds", "vectorising, s", "MiB above the imports", "swapped"]
    return [
        Row(
            f"captions to swapped captions, 4 Cs, {count:,} captions: neighbours and swaps",
            "the original's dense procedure",
            "40 times faster, 1/10 of its memory",
            f"{faster:.0f} times, {share:.2f} of its memory",
            tell(faster >= 40 and share <= 0.1),
            [format_table([*headings, "mean similarity of swapped pairs"], table), LIMIT],
        )
    ]
