"""Captions and those most similar to them: who might exchange captions with whom (`lib.swaps`).

Two captions are compared by the cosine of their TF-IDF vectors. Everything is done over the
distinct texts of a corpus, on sparse matrices: n captions cost O(n * n_neighbours) memory, never
O(n * n).
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sparse_dot_topn import sp_matmul_topn

from lib.files import atomic_path
from lib.progress import Progress
from lib.token_words import token_words

TFIDF_DEFAULTS = {
    "ngram_range": (1, 2),
    "stop_words": "english",
    "max_features": 5000,
    "min_df": 2,
    "max_df": 0.95,
}

# Words of two and more characters. After `normalise` this finds in English what scikit-learn's own
# pattern finds, but does not tear words apart at combining marks (Hindi, Thai, Arabic vowel signs).
_WORD = r"\S\S+"

_ROWS_AT_ONCE = 65536  # rows of one sparse product: bounds its memory and paces the progress
_ORDERED_BY = 3  # most frequent terms by which texts are ordered: more gain nothing


@dataclass(frozen=True)
class Neighbours:
    """The n captions of a corpus as m distinct texts, and the texts most similar to each.

    Two captions are one text if they have the same normalised form and the same identity.

    Attributes:
        text: (n,) int32, the text of each caption, numbered in order of first appearance.
        identity: (m,) int32, texts with the same number are the same to the text tower.
        vectors: (m, vocabulary) float32 CSR, TF-IDF rows of length 1, or 0 for a text without
            terms.
        indices: (m, k) int32, the most similar other texts, best first; -1 where fewer than k have
            a similarity above 0.
        similarities: (m, k) float32, their cosines; 0 beside -1.
    """

    text: np.ndarray
    identity: np.ndarray
    vectors: csr_matrix
    indices: np.ndarray
    similarities: np.ndarray


def normalise(text: str) -> str:
    """Lower-case, with a space for every punctuation mark and symbol.

    Letters, digits and combining marks of all scripts stay (Python's own word class would drop the
    vowel signs of Hindi or Thai), composed and decomposed spellings of a letter become one.
    """
    return unicodedata.normalize("NFC", text).lower().translate(_punctuation())


def vectorise(texts: Sequence[str], tfidf: dict[str, Any] | None = None) -> csr_matrix:
    """TF-IDF of captions that went through `normalise`: unit rows (n, vocabulary), float32 CSR.

    A caption without any term of the vocabulary has an empty row.

    Args:
        texts: all captions, repeated ones too: min_df and max_df count captions.
        tfidf: settings of scikit-learn's TfidfVectorizer, in place of those of `TFIDF_DEFAULTS`.

    Raises:
        ValueError: no captions, an unknown setting, or settings that leave no term.
    """
    # here, not above: it takes 1 s to import, and swaps need none
    from sklearn.feature_extraction.text import TfidfVectorizer

    settings = _check_tfidf(tfidf or {})
    if len(texts) == 0:
        raise ValueError("the list of captions is empty; at least one caption is expected")
    vectoriser = TfidfVectorizer(
        lowercase=False, token_pattern=_WORD, norm="l2", dtype=np.float32, **settings
    )
    try:
        return csr_matrix(vectoriser.fit_transform(texts))
    except ValueError as error:
        raise ValueError(
            f"TF-IDF leaves no term of {len(texts)} captions, the first of which is {texts[0]!r} "
            f"({error}); expected are captions that share words outside the stop list, "
            f"or other settings than {settings}"
        ) from error


def find_neighbours(
    captions: Sequence[str],
    n_neighbours: int = 64,
    tfidf: dict[str, Any] | None = None,
    identity: Sequence | np.ndarray | None = None,
    n_threads: int = 1,
    context_length: int | None = None,
) -> Neighbours:
    """Find, exactly, the `n_neighbours` most similar other texts of each distinct text.

    Args:
        captions: n raw captions.
        n_neighbours: length of each list. A longer one saves `swap` from asking again.
        tfidf: see `vectorise`.
        identity: n values; captions of the same value are the same to the text tower (ids of equal
            token rows, say). By default `token_words`, which holds for open_clip's own tokeniser.
        n_threads: of the sparse product; the result does not depend on it.
        context_length: of the text tower, for the default identity: what is behind does not count.

    Raises:
        ValueError: no captions, a caption that is no string, n_neighbours < 1, `identity` of
            another length, or what `vectorise` refuses.
    """
    _check_captions(captions)
    if n_neighbours < 1:
        raise ValueError(f"n_neighbours is {n_neighbours}; at least 1 is expected")
    if identity is None:
        see = partial(token_words, context_length=context_length)
        identity = _map_distinct(see, captions)
    elif len(identity) != len(captions):
        raise ValueError(f"identity has {len(identity)} values; {len(captions)} captions are given")
    normalised = _map_distinct(normalise, captions)
    same, _ = _number(identity.tolist() if isinstance(identity, np.ndarray) else identity)
    text, first = _number(zip(normalised, same.tolist(), strict=True))
    vectors = vectorise(normalised, tfidf)[first]
    indices, similarities = _most_similar(vectors, n_neighbours, n_threads)
    return Neighbours(text, same[first], vectors, indices, similarities)


def order_by_terms(vectors: csr_matrix) -> np.ndarray:
    """(m,) the texts in an order in which those of the same frequent terms lie together.

    A product looks at all texts that share a term with a row, frequent terms nearly all the time.
    Where these texts are neighbours in memory, a million of them are compared 2.7 times as fast.
    """
    frequency = np.bincount(vectors.indices, minlength=vectors.shape[1])
    ranked = vectors[:, np.argsort(-frequency, kind="stable")]
    ranked.sort_indices()
    counts = np.diff(ranked.indptr)
    keys = np.full((_ORDERED_BY, len(counts)), vectors.shape[1])
    for place, key in enumerate(keys):
        some = counts > place
        key[some] = ranked.indices[ranked.indptr[:-1][some] + place]
    return np.lexsort(keys[::-1])  # the last key is the first to be sorted by


def write_neighbours(path: str | Path, neighbours: Neighbours) -> None:
    """Write an uncompressed .npz; the same neighbours give the same bytes."""
    vectors = neighbours.vectors
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez(
            stream,
            text=neighbours.text,
            identity=neighbours.identity,
            vectors_data=vectors.data,
            vectors_indices=vectors.indices,
            vectors_indptr=vectors.indptr,
            vectors_shape=np.array(vectors.shape),
            indices=neighbours.indices,
            similarities=neighbours.similarities,
        )


def read_neighbours(path: str | Path) -> Neighbours:
    """Read what `write_neighbours` wrote."""
    with np.load(path) as stored:
        parts = tuple(stored[f"vectors_{part}"] for part in ("data", "indices", "indptr"))
        vectors = csr_matrix(parts, shape=tuple(stored["vectors_shape"].tolist()))
        names = ("text", "identity", "indices", "similarities")
        return Neighbours(vectors=vectors, **{name: stored[name] for name in names})


# --- Texts ----------------------------------------------------------------------------------------


class _Punctuation(dict):
    """A table for str.translate that looks at each character once, when it first occurs."""

    def __missing__(self, code: int) -> int:
        self[code] = ord(" ") if unicodedata.category(chr(code))[0] in "PS" else code
        return self[code]


@cache
def _punctuation() -> _Punctuation:
    return _Punctuation()


def _map_distinct(function: Callable[[str], str], captions: Sequence[str]) -> list[str]:
    results = {caption: function(caption) for caption in dict.fromkeys(captions)}
    return [results[caption] for caption in captions]


def _number(values) -> tuple[np.ndarray, np.ndarray]:
    """Number values in order of first appearance: (n,) int32 numbers, (m,) first rows."""
    numbers: dict = {}
    numbered = np.array([numbers.setdefault(v, len(numbers)) for v in values], dtype=np.int32)
    first = np.unique(numbered, return_index=True)[1]
    return numbered, first


def _check_captions(captions: Sequence[str]) -> None:
    if len(captions) == 0:
        raise ValueError("the list of captions is empty; at least one caption is expected")
    for row, caption in enumerate(captions):
        if not isinstance(caption, str):  # a value of the table, hence no TypeError
            raise ValueError(f"caption {row} is {caption!r}; a string is expected")


def _check_tfidf(tfidf: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(tfidf) - set(TFIDF_DEFAULTS))
    if unknown:
        raise ValueError(f"unknown TF-IDF settings {unknown}; known are {sorted(TFIDF_DEFAULTS)}")
    settings = TFIDF_DEFAULTS | tfidf
    return settings | {"ngram_range": tuple(settings["ngram_range"])}


# --- Neighbours -----------------------------------------------------------------------------------


def _most_similar(
    vectors: csr_matrix, n_neighbours: int, n_threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """`indices` and `similarities` of `Neighbours` for (m, vocabulary) vectors."""
    m = vectors.shape[0]
    order = order_by_terms(vectors)
    vectors = vectors[order]
    transposed = vectors.T.tocsr()
    indices = np.empty((m, n_neighbours), dtype=np.int32)
    similarities = np.empty((m, n_neighbours), dtype=np.float32)
    progress = Progress("neighbours", m, "texts")
    for start in range(0, m, _ROWS_AT_ONCE):
        texts = order[start : start + _ROWS_AT_ONCE]
        # One more than needed: a text's most similar is itself.
        block = vectors[start : start + len(texts)]
        top = multiply_top(block, transposed, n_neighbours + 1, n_threads)
        indices[texts], similarities[texts] = list_others(top, order, texts, n_neighbours)
        progress.advance(len(texts))
    return indices, similarities


def multiply_top(left: csr_matrix, right: csr_matrix, top_n: int, n_threads: int) -> csr_matrix:
    """The `top_n` largest cells above 0 of each row of a product, largest first."""
    return sp_matmul_topn(left, right, top_n=top_n, sort=True, n_threads=n_threads)


def list_others(
    top: csr_matrix, columns: np.ndarray, rows: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """The texts of each row of a product but the row's own, best first, as tables.

    Args:
        top: from `multiply_top`, at most length + 1 cells a row.
        columns: the text of each column of the product.
        rows: (r,) the text of each of its rows.

    Returns:
        (r, length) int32 texts, -1 where there are no more, and float32 similarities, then 0.
    """
    is_cell = np.arange(length + 1) < np.diff(top.indptr)[:, None]
    texts = np.full(is_cell.shape, -1, dtype=np.int32)
    similarities = np.zeros(is_cell.shape, dtype=np.float32)
    texts[is_cell] = columns[top.indices]
    similarities[is_cell] = top.data
    is_other = texts != rows[:, None]
    is_other[is_other.all(axis=1), -1] = False  # equal texts can push a text off its own list
    return texts[is_other].reshape(-1, length), similarities[is_other].reshape(-1, length)
