"""Misaligned captions: which pairs of a corpus exchange their captions.

The procedure is that of Sun, Zhang, Li, Wang, "Contrastive Learning with Data Misalignment: Feature
Purity, Training Dynamics and Theoretical Generalization Guarantees", NeurIPS 2025, experiment 3,
with one correction: two captions that the text tower cannot tell apart are never exchanged.
"""

import logging
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from lib.files import atomic_path
from lib.neighbours import Neighbours, list_others, multiply_top, order_by_terms
from lib.progress import Progress

logger = logging.getLogger(__name__)

STRATEGIES = ("similar", "random")  # their places seed the draws: a new one comes last

# All at which str.splitlines and line-wise readers may break, and the tab that would add a column.
_SEPARATORS = str.maketrans(dict.fromkeys("\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", " "))

_SHORTFALL = 0.01  # of a rate: where a few captions are left over, nothing is amiss
_ROWS_AHEAD = 8192  # visits for which lists are made anew together
_TRIES = 64  # draws of an unused row before all of them are listed


@dataclass(frozen=True)
class Swap:
    """Which captions were exchanged.

    Attributes:
        strategy, cs, seed: as asked for; `cs` is the nominal rate.
        permutation: (n,) int64, `permutation[i]` is the row whose caption pair i now has.
        pairs: (p, 2) int64, the rows that exchanged, in the order of swapping, the visited one
            first.
        similarities: (p,) float64, the cosine of the two captions of each of `pairs`.
        effective_cs: share of the n rows that now have another text (not merely another row's).
    """

    strategy: str
    cs: float
    seed: int
    permutation: np.ndarray
    pairs: np.ndarray
    similarities: np.ndarray
    effective_cs: float


def swap(neighbours: Neighbours, cs: float, strategy: str, seed: int, top_k: int = 10) -> Swap:
    """Exchange captions until int(cs * n) of them are swapped (one more where that is odd).

    The captions are visited in random order. One that is already used is skipped; the others draw a
    partner, uniformly, from their candidates, exchange captions with it, and both are used.
    Candidates of `similar` are the `top_k` most similar captions, of `random` all captions, each
    time among the unused ones of another identity. Captions are rows: a text that many rows have
    can fill all places. Of equally similar captions of one text, and of captions without any
    similarity, it is drawn who is among the candidates; equally similar texts come in the order of
    the neighbour lists. Lists that are used up are made anew, exactly, from the unused captions.
    Where no unused caption has another identity the swapping ends early, and the effective rate
    shows it.

    The draws come from `SeedSequence(seed, spawn_key=(strategy's place in STRATEGIES, cs in
    millionths))`: other strategies, rates and seeds are independent draws, and none depends on
    which others are asked for.

    Raises:
        ValueError: cs outside [0, 1], an unknown strategy, top_k < 1 or a negative seed.
    """
    _check_swap(cs, strategy, seed, top_k)
    stream = np.random.SeedSequence(seed, spawn_key=(STRATEGIES.index(strategy), round(cs * 1e6)))
    n = len(neighbours.text)
    pairs = _draw_pairs(neighbours, int(cs * n), strategy, top_k, np.random.default_rng(stream))
    permutation = np.arange(n)
    permutation[pairs[:, 0]] = pairs[:, 1]
    permutation[pairs[:, 1]] = pairs[:, 0]
    identity = neighbours.identity[neighbours.text]
    return Swap(
        strategy=strategy,
        cs=cs,
        seed=seed,
        permutation=permutation,
        pairs=pairs,
        similarities=pair_similarities(neighbours, pairs),
        effective_cs=float(np.mean(identity[permutation] != identity)),
    )


def check_reached(swapped: Swap) -> None:
    """Raise ValueError if Cs was not reached: all that follows would bear a wrong rate."""
    pairs = len(swapped.permutation)
    if int(swapped.cs * pairs) / pairs - swapped.effective_cs > _SHORTFALL:
        raise ValueError(
            f"strategy {swapped.strategy!r}, Cs {swapped.cs:g}: {swapped.effective_cs:.4f} was "
            "reached, for the captions left are all the same to the text tower; expected values of "
            "misalignment.cs that the corpus has enough different captions for"
        )


def pair_similarities(neighbours: Neighbours, pairs: np.ndarray) -> np.ndarray:
    """Cosine of the TF-IDF vectors of each pair of rows: (p, 2) -> (p,) float64."""
    vectors = neighbours.vectors.astype(np.float64)
    first, second = (vectors[neighbours.text[pairs[:, side]]] for side in (0, 1))
    return np.asarray(first.multiply(second).sum(axis=1)).reshape(-1)


def summarise_swap(swapped: Swap) -> dict[str, str | int | float | None]:
    """A row of the table of captions; the similarities are None where nothing was swapped."""
    similarities = swapped.similarities
    some = len(similarities) > 0
    return {
        "strategy": swapped.strategy,
        "cs": swapped.cs,
        "seed": swapped.seed,
        "swapped": 2 * len(similarities),
        "effective_cs": swapped.effective_cs,
        "mean_similarity": float(similarities.mean()) if some else None,
        "median_similarity": float(np.median(similarities)) if some else None,
        "zero_similarity_share": float(np.mean(similarities == 0)) if some else None,
    }


def extend_permutation(permutation: np.ndarray, rows: np.ndarray, total: int) -> np.ndarray:
    """A permutation of `rows` (k,) as one of a whole table of `total` rows, the others in place."""
    whole = np.arange(total)
    whole[rows] = np.asarray(rows)[permutation]
    return whole


def write_caption_lines(path: str | Path, captions: Sequence[str]) -> None:
    """Write one caption a line, UTF-8, each line ended by a line feed.

    Tabs and all line separators inside a caption (Unicode's too) become spaces, and what UTF-8
    cannot hold (half a surrogate pair) a question mark: line i is always caption i.
    """
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="replace", newline="\n") as stream,
    ):
        stream.writelines(caption.translate(_SEPARATORS) + "\n" for caption in captions)


def _check_swap(cs: float, strategy: str, seed: int, top_k: int) -> None:
    if not 0 <= cs <= 1:
        raise ValueError(f"Cs is {cs}; a share in [0, 1] is expected")
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy is {strategy!r}; one of {', '.join(STRATEGIES)} is expected")
    if top_k < 1:
        raise ValueError(f"top_k is {top_k}; at least 1 is expected")
    if seed < 0:
        raise ValueError(f"seed is {seed}; a whole number of 0 or more is expected")


@dataclass
class _Unused:
    """The rows that are not used yet, by text and by identity; rows leave and never come back.

    `rows[start[t] : start[t] + left[t]]` are those of text t.
    """

    text: list[int]
    identity: list[int]
    rows: list[int] = field(init=False)
    place: list[int] = field(init=False)
    start: list[int] = field(init=False)
    left: array = field(init=False)  # an array: NumPy sees it as it changes
    alike: list[int] = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        text = np.array(self.text)
        self.count = len(text)
        order = np.argsort(text, kind="stable")
        counts = np.bincount(text, minlength=len(self.identity))
        place = np.empty_like(order)
        place[order] = np.arange(self.count)
        self.rows, self.place = order.tolist(), place.tolist()
        self.start = (np.cumsum(counts) - counts).tolist()
        self.left = array("q", counts.tolist())
        self.alike = np.bincount(np.array(self.identity)[text]).tolist()

    def __contains__(self, row: int) -> bool:
        text = self.text[row]
        return self.place[row] < self.start[text] + self.left[text]

    def take(self, row: int) -> None:
        """Use a row: it changes places with the last unused one of its text."""
        text = self.text[row]
        self.left[text] -= 1
        self.count -= 1
        self.alike[self.identity[text]] -= 1
        place, end = self.place[row], self.start[text] + self.left[text]
        other = self.rows[end]
        self.rows[place], self.rows[end] = other, row
        self.place[other], self.place[row] = place, end


class _Lists:
    """For each text the texts most similar to it, made anew where too many of them are used.

    Lists are made among the texts that had unused rows at an earlier moment. They stay right: the
    unused only become fewer, so what was most similar and is still unused still is.

    Attributes:
        nearest: (m, length) int32, best first, -1 where there are no more.
        is_complete: (m,) bool, whether all unused texts of a similarity above 0 are listed.
    """

    def __init__(self, neighbours: Neighbours, unused: _Unused, order: np.ndarray, top_k: int):
        self.vectors, self.text, self.order = neighbours.vectors, neighbours.text, order
        self.top_k = top_k
        self.unused, self.identity = unused, neighbours.identity
        self.left = np.frombuffer(unused.left, dtype=np.int64)
        m, k = neighbours.indices.shape
        self.nearest = np.full((m, max(k, 4 * top_k)), -1, dtype=np.int32)
        self.nearest[:, :k] = neighbours.indices
        self.is_complete = neighbours.indices[:, -1] < 0
        self.pool = np.empty(0, dtype=np.int64)  # the texts asked among, and their vectors
        self.transposed = csr_matrix((self.vectors.shape[1], 0))
        self.unused_then = 0  # rows that were unused when they were chosen

    def get(self, text: int) -> list[int]:
        """The texts most similar to `text`, best first, then -1 where there are no more."""
        return self.nearest[text].tolist()

    def ask_again(self, text: int, position: int) -> None:
        """Make the list of `text` anew, and those of texts that will soon need it.

        Asked one by one, each would pay for the look at all others.
        """
        self._choose_pool()
        asked = np.array([text, *self._short_of_candidates(position, text)])
        length = self.nearest.shape[1]
        top = multiply_top(self.vectors[asked], self.transposed, length + 1, n_threads=1)
        self.nearest[asked], _ = list_others(top, self.pool, asked, length)
        self.is_complete[asked] = np.diff(top.indptr) <= length

    def ask_alone(self, text: int) -> None:
        """Make the list of `text` of nothing but candidates: unused, and of another identity."""
        top = multiply_top(self.vectors[[text]], self.transposed, len(self.pool), n_threads=1)
        found = self.pool[top.indices]
        found = found[(self.left[found] > 0) & (self.identity[found] != self.identity[text])]
        kept = found[: self.nearest.shape[1]]
        self.nearest[text] = -1
        self.nearest[text, : len(kept)] = kept
        self.is_complete[text] = len(kept) == len(found)

    def _choose_pool(self) -> None:
        """Ask among the texts unused now, if a tenth of the rows is used since they were chosen."""
        if self.unused_then == 0:
            self.pool = order_by_terms(self.vectors)
        elif self.unused.count > 0.9 * self.unused_then:
            return
        self.unused_then = self.unused.count
        self.pool = self.pool[self.left[self.pool] > 0]
        self.transposed = self.vectors[self.pool].T.tocsr()

    def _short_of_candidates(self, position: int, text: int) -> list[int]:
        """Texts of the rows to be visited next whose list holds too few unused rows."""
        ahead = self.text[self.order[position + 1 : position + _ROWS_AHEAD]]
        ahead = np.unique(ahead[(self.left[ahead] > 0) & ~self.is_complete[ahead]])
        nearest = self.nearest[ahead]
        unused = np.where(nearest >= 0, self.left[nearest], 0).sum(axis=1)
        return ahead[(unused < self.top_k) & (ahead != text)].tolist()


def _draw_pairs(
    neighbours: Neighbours, target: int, strategy: str, top_k: int, rng: np.random.Generator
) -> np.ndarray:
    """Pairs of rows (p, 2) in the order of swapping, until `target` rows are used."""
    text, identity = neighbours.text.tolist(), neighbours.identity.tolist()
    order = rng.permutation(len(text))
    unused = _Unused(text, identity)
    lists = _Lists(neighbours, unused, order, top_k)
    progress = Progress(f"swap {strategy}", target, "captions")
    visits = order.tolist()
    pairs: list[tuple[int, int]] = []
    for position, row in enumerate(visits):
        if 2 * len(pairs) >= target:
            break
        if row not in unused:
            continue
        unused.take(row)
        mine = identity[text[row]]
        n_candidates = unused.count - unused.alike[mine]
        if n_candidates == 0:
            if unused.count > 0:
                logger.warning(
                    "stopped at %d of %d captions: the %d others left have the text of caption %d",
                    2 * len(pairs),
                    target,
                    unused.count,
                    row,
                )
            break
        listed: set[int] = set()
        partner = None
        if strategy == "similar":
            rank = int(rng.random() * min(top_k, n_candidates))
            partner, listed = _draw_similar(lists, unused, text[row], rank, position, rng)
        if partner is None:
            partner = _draw_ahead(visits, position, unused, mine, listed, rng)
        unused.take(partner)
        pairs.append((row, partner))
        progress.advance(2)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _draw_similar(
    lists: _Lists, unused: _Unused, text: int, rank: int, position: int, rng: np.random.Generator
) -> tuple[int | None, set[int]]:
    """The candidate of `rank` (0 = most similar) among the unused rows of other identity.

    Drawing the rank first makes the rest of the candidates unnecessary. Of the rows of one text,
    all equally similar, any may stand at that rank, so one is drawn.

    Returns:
        The row, or None where it has no similarity, and then the texts that do have some (and -1).
    """
    row = _find_row(unused, lists.get(text), text, rank, rng)
    for ask in (partial(lists.ask_again, text, position), partial(lists.ask_alone, text)):
        if row is not None or lists.is_complete[text]:
            break
        ask()
        row = _find_row(unused, lists.get(text), text, rank, rng)
    return row, set(lists.get(text)) if row is None else set()


def _find_row(
    unused: _Unused, listed: list[int], text: int, rank: int, rng: np.random.Generator
) -> int | None:
    """The row of `rank` among the unused ones of the texts listed; None if there are too few."""
    left, identity, mine = unused.left, unused.identity, unused.identity[text]
    before = 0
    for other in listed:
        if other < 0:
            break
        if left[other] and identity[other] != mine:
            before += left[other]
            if before > rank:
                place = unused.start[other]
                if left[other] > 1:
                    place += int(rng.random() * left[other])
                return unused.rows[place]
    return None


def _draw_ahead(
    visits: list[int],
    position: int,
    unused: _Unused,
    mine: int,
    listed: set[int],
    rng: np.random.Generator,
) -> int:
    """Draw, uniformly, an unused row of another identity than `mine`, its text not in `listed`.

    All unused rows lie behind `position` in the order of the visits, and nearly as dense as they
    are in the corpus: a few tries find one. At the end of a high Cs they are listed.
    """

    def suits(row: int) -> bool:
        text = unused.text[row]
        return row in unused and unused.identity[text] != mine and text not in listed

    first, n = position + 1, len(visits)
    for _ in range(_TRIES):
        row = visits[first + int(rng.random() * (n - first))]
        if suits(row):
            return row
    rows = [row for row in visits[first:] if suits(row)]
    return rows[int(rng.random() * len(rows))]
