"""How neighbours and swaps grow with the captions: beside scikit-learn, and the original's loop."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measuring import ROOT, Cost, Side, compare, measure, time_action
from benchmarks.original import draw_swaps, make_similarities
from benchmarks.scaling import fit
from benchmarks.settings import Row, Settings, format_table, read_captions, tell

NEIGHBOURS = 64
RATE = 0.8
PLOT = ROOT / "docs/images/benchmark_captions.png"
# seconds and GB allowed, by the number of captions
TARGETS = {100_000: (6, 1), 1_000_000: (360, 4)}

LIMIT = """\
The limit is memory: a row's product jumps from text to text, and takes 4,000 multiplications for
each row of 100,000 texts, 40,000 for one of a million. Done: texts lie in the order of their
frequent terms, so that the jumps are short (a million on one thread: 302 s for the product
instead of 816 s; ordered by one term 464 s, by two 316 s, by rare terms first 515 s). Tried and
left: blocks of columns merged later (50,000 columns take 1.4 times as long, 16,384 nearly twice,
for each has lists of its own to sort). Not tried: leaving out the most frequent terms of a row
where the 64th neighbour is known to be nearer than they could bring a text. It would leave a
sixth of the products at a million texts (half of them at 100,000), but every candidate would have
to be scored again."""


def prepare_ours(path: str | None, count: int) -> Callable[[], dict]:
    """Neighbours, then a swap; seconds of both are returned, and of a few rows the similarities."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: F401 (an import's time)

    from lib.neighbours import find_neighbours
    from lib.swaps import swap

    captions = read_captions(path, count)

    def run() -> dict:
        found = []
        search = time_action(
            lambda: found.append(find_neighbours(captions, NEIGHBOURS, n_threads=2))
        )
        swapping = time_action(lambda: found.append(swap(found[0], RATE, "similar", 0)))
        neighbours, swapped = found
        return {
            "neighbours": search,
            "swap": swapping,
            "swapped": 2 * len(swapped.pairs),
            "texts": len(neighbours.identity),
            "similarities": neighbours.similarities[: count // 10 : count // 100].tolist(),
        }

    return run


def prepare_peer(path: str | None, count: int, queries: int) -> Callable[[], dict]:
    """scikit-learn's exact neighbours of the first texts among all."""
    from sklearn.neighbors import NearestNeighbors

    from lib.neighbours import find_neighbours

    # our lists of distinct texts and their vectors, so that both search the same
    vectors = find_neighbours(read_captions(path, count), 1, n_threads=2).vectors
    queries = min(queries, vectors.shape[0])

    def run() -> dict:
        search = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, metric="cosine", algorithm="brute")
        distances, indices = search.fit(vectors).kneighbors(vectors[:queries])
        cosines = [
            (1 - row[place != own])[:NEIGHBOURS].tolist()
            for own, (row, place) in enumerate(zip(distances, indices, strict=True))
        ]
        rows = range(0, count // 10, count // 100)
        return {"similarities": [cosines[row] for row in rows if row < queries]}

    return run


def prepare_original(path: str | None, count: int) -> Callable[[], dict]:
    """The original's loop, given its dense matrix."""
    from lib.neighbours import normalise, vectorise

    captions = read_captions(path, count)
    similarities = make_similarities(vectorise([normalise(each) for each in captions]))
    return lambda: {"swapped": 2 * len(draw_swaps(similarities, RATE, 0))}


def measure_rows(settings: Settings) -> list[Row]:
    sizes = settings.choose(
        [200, 400],
        [25_000, 50_000, 100_000, 200_000],
        [25_000, 50_000, 100_000, 200_000, 400_000, 1_000_000],
    )
    side = settings.choose(200, 100_000, 100_000)
    queries = settings.choose(50, 2_000, 10_000)
    loop = settings.choose(200, 10_000, 20_000)
    costs = {}
    for size in sizes:
        arguments = {"path": settings.captions, "count": size}
        ours = Side("caption_growth", "prepare_ours", arguments)
        costs |= {size: compare({f"ours, {size:,}": ours}, 1, settings.in_process)}
    ours = {size: next(iter(some.values()))[0] for size, some in costs.items()}
    arguments = {"path": settings.captions, "count": side, "queries": queries}
    peer = measure(Side("caption_growth", "prepare_peer", arguments), settings.in_process)
    arguments = {"path": settings.captions, "count": loop}
    original = measure(Side("caption_growth", "prepare_original", arguments), settings.in_process)
    peer_seconds = peer.seconds * ours[side].found["texts"] / queries
    if not settings.in_process:
        plot_growth(ours, side, peer_seconds, peer.peak, PLOT)
    return [
        make_neighbours_row(ours, side, peer, peer_seconds, queries),
        make_swap_row(ours, original.seconds, loop),
    ]


def make_neighbours_row(
    ours: dict[int, Cost], side: int, peer: Cost, peer_seconds: float, queries: int
) -> Row:
    """Exact neighbours, beside scikit-learn's."""
    growth = fit({size: cost.found["neighbours"] for size, cost in ours.items()})
    table = [
        [
            f"{size:,}",
            f"{cost.found['neighbours']:.2f}",
            f"{cost.found['swap']:.2f}",
            f"{cost.peak:,.0f}",
        ]
        for size, cost in ours.items()
    ]
    mine = np.array(ours[side].found["similarities"])[: len(peer.found["similarities"])]
    difference = np.abs(mine - np.array(peer.found["similarities"])).max()
    told, holds = [], []
    for size, (seconds, memory) in TARGETS.items():
        if size in ours:
            needed, peak = ours[size].found["neighbours"], ours[size].peak * 2**20 / 1e9
            told.append(f"{size:,}: {needed:.1f} s, {peak:.2f} GB")
            holds.append(needed <= seconds and peak <= memory)
    return Row(
        f"exact {NEIGHBOURS} neighbours of each caption",
        "scikit-learn `NearestNeighbors`",
        "100,000: 6 s, 1 GB; 1,000,000: 6 min, 4 GB",
        "; ".join([*told, f"{peer_seconds / ours[side].found['neighbours']:.0f} times faster"]),
        tell(all(holds)) if len(holds) == len(TARGETS) else f"{tell(all(holds))}, of what was run",
        [
            format_table(["captions", "neighbours, s", f"swap at Cs {RATE}, s", "MiB"], table),
            f"Seconds grow with the captions to the power of {growth.exponent:.2f}: texts that "
            "share words are compared, and their number grows with the square; the rest is in "
            "proportion. Memory is that of the process, with imports, captions and the swap.",
            f"scikit-learn would take {peer_seconds:.0f} s at {side:,} (its search for {queries:,} "
            f"of them, in proportion; without vectorising, which ours has in it) and takes "
            f"{peer.peak:,.0f} MiB. Largest difference of a similarity: {difference:.0e}.",
            LIMIT,
            f"![Seconds and memory against the number of captions](../docs/images/{PLOT.name})",
        ],
    )


def make_swap_row(ours: dict[int, Cost], loop_seconds: float, loop: int) -> Row:
    """A swap, given neighbours, beside the original's loop, given all similarities."""
    largest = max(ours)
    seconds = ours[largest].found["swap"]
    theirs = loop_seconds * (largest / loop) ** 2
    growth = fit({size: cost.found["swap"] for size, cost in ours.items()})
    return Row(
        f"swap of {largest:,} captions given neighbours, Cs {RATE}",
        f"the original's loop, extrapolated from {loop:,}",
        "1,000,000: 20 s",
        f"{seconds:.1f} s; {theirs / seconds:,.0f} times faster",
        tell(seconds <= 20) if largest >= 1_000_000 else "not run at 1,000,000",
        [
            f"The original's loop takes {loop_seconds:.1f} s at {loop:,} captions and grows with "
            f"their square (it sorts all others for each swap): {theirs:,.0f} s at {largest:,}. "
            f"Ours grows with the power {growth.exponent:.2f}."
        ],
    )


def plot_growth(
    costs: dict[int, Cost], side: int, peer_seconds: float, peer_memory: float, path: Path
) -> None:
    """Seconds of neighbours and swaps, and memory, against the captions, with what is allowed."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    sizes = list(costs)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    for name, colour, marker in (("neighbours", "#0072B2", "o"), ("swap", "#D55E00", "s")):
        seconds = {size: cost.found[name] for size, cost in costs.items()}
        label = f"{name}: grows with the power {fit(seconds).exponent:.2f}"
        left.plot(sizes, list(seconds.values()), color=colour, marker=marker, label=label)
    left.plot(side, peer_seconds, "x", color="black", label="scikit-learn's neighbours (scaled)")
    memory = [cost.peak for cost in costs.values()]
    right.plot(sizes, memory, color="#009E73", marker="o", label="neighbours and swap")
    right.plot(side, peer_memory, "x", color="black", label="scikit-learn's neighbours")
    for axes, place, unit in ((left, 0, 1), (right, 1, 1e9 / 2**20)):
        targets = {size: unit * target[place] for size, target in TARGETS.items() if size in costs}
        marks = {"color": "#0072B2" if axes is left else "#009E73", "fillstyle": "none"}
        axes.plot(list(targets), list(targets.values()), "v", label="allowed", **marks)
        axes.set(xscale="log", yscale="log", xlabel="captions")
        axes.set_xticks(sizes, [f"{size // 1000:,} k" for size in sizes])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for axes in (left, right):
        axes.minorticks_off()
    left.set_ylabel("seconds (neighbours: 2 threads, swap: 1)")
    right.set_yticks([250, 500, 1000, 2000, 4000])
    right.set_ylabel("peak memory of the process (MiB)")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
