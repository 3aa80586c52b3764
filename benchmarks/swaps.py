"""Captions to swapped captions at four Cs, beside the original's dense procedure."""

from collections.abc import Callable

from benchmarks.measuring import Side, compare, median_ratio, median_seconds, time_action
from benchmarks.original import draw_swaps, make_similarities
from benchmarks.settings import Row, Settings, format_table, read_captions, tell

RATES = (0.1, 0.3, 0.5, 0.8)


def prepare_ours(path: str | None, count: int) -> Callable[[], dict]:
    """Neighbours, then a swap at each rate; what vectorising alone takes is told apart."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: F401 (an import's time)

    from lib.captions import find_neighbours, normalise, swap, vectorise

    captions = read_captions(path, count)
    find_neighbours(captions[:100])

    def run() -> dict:
        vectorising = time_action(lambda: vectorise([normalise(each) for each in captions]))
        neighbours = find_neighbours(captions, n_threads=2)
        swaps = [swap(neighbours, rate, "similar", 42) for rate in RATES]
        return {
            "vectorising": 2 * vectorising,  # here, and in the search for neighbours
            "swapped": [2 * len(each.pairs) / count for each in swaps],
            "similarity": [float(each.similarities.mean()) for each in swaps],
        }

    return run


def prepare_original(path: str | None, count: int) -> Callable[[], dict]:
    """The dense matrix of all similarities, then a swap at each rate."""
    from lib.captions import normalise, vectorise

    captions = read_captions(path, count)
    vectorise([normalise(each) for each in captions[:100]])

    def run() -> dict:
        found = []
        vectorising = time_action(
            lambda: found.append(vectorise([normalise(each) for each in captions]))
        )
        similarities = make_similarities(found[0])
        pairs = [draw_swaps(similarities, rate, 42) for rate in RATES]
        return {
            "vectorising": vectorising,
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
            [
                format_table([*headings, "mean similarity of swapped pairs"], table),
                "Both draw at random, from other streams: rates are equal, and similarities up to "
                "the draws. Vectorising is left out of the seconds (ours is told twice: it is run "
                "once more to be told).",
            ],
        )
    ]
