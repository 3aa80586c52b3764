"""Sparse neighbours and fast swaps against the dense matrix and the procedure written plainly."""
# ruff: noqa: RUF001  (letters that look alike are what some tests are about)

import logging
import re
import sys
import tracemalloc
import zipfile
from collections import Counter, defaultdict

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.feature_extraction.text import TfidfVectorizer

import lib.neighbours
import lib.swaps
from lib.models import get_tokenizer
from lib.neighbours import (
    find_neighbours,
    normalise,
    order_by_terms,
    read_neighbours,
    vectorise,
    write_neighbours,
)
from lib.swaps import (
    Swap,
    check_reached,
    extend_permutation,
    pair_similarities,
    summarise_swap,
    swap,
    write_caption_lines,
)
from lib.token_words import token_words
from tests.real_data import read_captions

SYLLABLES = ("ba", "be", "bi", "bo", "bu", "da", "de", "di", "do", "du")
WORDS = ["the", "of", "x", *(first + second for first in SYLLABLES for second in SYLLABLES)]
ALL_TERMS = {"min_df": 1, "max_df": 1.0, "stop_words": None}


def make_captions(n, seed, length=5):
    """Captions of frequent and rare words; many occur again, also in another spelling."""
    generator = np.random.default_rng(seed)
    odds = 1 / np.arange(2, len(WORDS) + 2)
    lengths = generator.integers(1, length + 1, n)
    texts = [" ".join(generator.choice(WORDS, size, p=odds / odds.sum())) for size in lengths]
    spellings = (str, str.title, str.upper, "{}!".format)
    return [
        spellings[spelling](texts[row])
        for row, spelling in zip(
            generator.integers(n, size=n), generator.integers(4, size=n), strict=True
        )
    ]


def make_distinct_captions(n, seed):
    """Captions long enough that no two have the same words, and no two pairs the same cosine."""
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, generator.integers(9, 15))) for _ in range(n)]


def clean_plainly(caption):
    return re.sub(r"[^\w\s]|_", " ", caption.lower())


def dense_cosines(captions, **settings):
    """The definition: every caption against every caption, by scikit-learn's own tokens."""
    defaults = {"stop_words": "english", "max_features": 5000, "min_df": 2, "max_df": 0.95}
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), **(defaults | settings))
    vectors = vectoriser.fit_transform(map(clean_plainly, captions)).toarray()
    return vectors @ vectors.T


@pytest.fixture(scope="module")
def tokenizer():
    return get_tokenizer({"text_cfg": {}})


@pytest.fixture(scope="module")
def corpus(tokenizer):
    """Captions, their dense cosines, and a number for each row of token ids."""
    captions = make_captions(301, seed=0)
    ids = tokenizer(captions).numpy()
    return captions, dense_cosines(captions), np.unique(ids, axis=0, return_inverse=True)[1]


# --- Texts ----------------------------------------------------------------------------------------


def test_normalise_keeps_words_whole_in_all_scripts():
    assert normalise("A Red-star, “really”…  3×4!") == "a red star   really    3 4 "
    assert normalise("हिन्दी में।").split() == ["हिन्दी", "में"]
    assert normalise("Cafe\u0301") == normalise("CAFÉ") == "café"


def test_vectors_equal_scikit_learn():
    captions = make_captions(200, seed=1)
    settings = {"ngram_range": [1, 3], "max_features": 80, "min_df": 3}
    plain = TfidfVectorizer(**(settings | {"ngram_range": (1, 3)}), stop_words=None, max_df=0.5)
    expected = plain.fit_transform(map(clean_plainly, captions)).toarray()
    found = vectorise(
        [normalise(caption) for caption in captions],
        settings | {"stop_words": None, "max_df": 0.5},
    )
    assert found.dtype == np.float32
    assert found.toarray() == pytest.approx(expected, abs=1e-6)


# What the tokeniser mends, resolves, folds, splits or keeps apart.
FRAGMENTS = (
    *("a", "A", "é", "e\u0301", "É", "ß", "SS", "ſ", "İ", "i", "I", "Σ", "σ", "ς", "ﬁ", "fi", "ｆ"),
    *("क", "कि", "中", "ж", "Ж", "١", "1", "2", "¼", "²", "😀", "\u0345", "\ud800", "\x1b[31m"),
    *("'s", "'S", "’s", "'ſ", "ll", "d", "'", "“", '"', "!", "!!", ".", "_", "-", "<", "Ã©", "â€™"),
    *("&", "&amp;", "&amp;amp;", "amp;", "&#39;", "&lt;", "&eacute;", "&nbsp;", "&copy;", "©"),
    *(
        " ",
        "  ",
        "\t",
        "\r\n",
        "\0",
        "\xa0",
        "\xad",
        "\x85",
        "\u200b",
        "\u200d",
        "\u2028",
        "\ufeff",
    ),
    *("<end_of_text>", "<START_of_text>"),
)


def test_token_words_are_equal_where_token_ids_are(tokenizer):
    generator = np.random.default_rng(2)
    captions = {
        "".join(generator.choice(FRAGMENTS, size)) for size in generator.integers(1, 5, 4000)
    }
    both = {(token_words(text), tuple(tokenizer.encode(text))) for text in {*captions, "", *"aé"}}
    assert 1000 < len(both) < len(captions) - 500, "captions that tell nothing"
    words, ids = zip(*both, strict=True)
    assert len(set(words)) == len(set(ids)) == len(both)


@pytest.mark.parametrize(
    "one, other, equal",
    [
        ("Rock &amp;amp; Roll", "rock & roll", True),
        ("caf&eacute;", "CAFÉ", True),
        ("the cat's  2019\n", "the cat 's 2 0 1 9", True),
        ("the dog’s", "the dog's", True),
        ("a star", "a star!", False),
        ("a star", "a  stars", False),
        ("don't", "dont", False),
        *[(f"you'{s}", f"you' {s}", False) for s in ("s", "t", "re", "ve", "m", "ll", "d")],
        ("< &amp;amp; c", "< & c", True),
        ("< &Atilde;&copy;", "< é", False),
        ("हिंदी", "हिदी", False),
    ],
)
def test_token_words_of_two_captions(one, other, equal, tokenizer):
    assert (token_words(one) == token_words(other)) is equal
    assert bool((tokenizer([one]) == tokenizer([other])).all()) is equal


def test_words_behind_the_context_do_not_count(tokenizer):
    """A swap of two captions that a tower reads alike would change nothing."""
    start = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz") + " !" * 49
    one, other = f"{start} and a cat", f"{start} and a dog"
    assert bool((tokenizer([one]) == tokenizer([other])).all())
    assert token_words(one) != token_words(other)
    assert token_words(one, 77) == token_words(other, 77)
    assert token_words("a cat", 4) == "a cat"
    assert token_words("a cat", 3) == "a"


def test_captions_stay_one_a_line(tmp_path):
    letters = map(chr, range(sys.maxunicode + 1))
    breaks = [letter for letter in letters if len(f"a{letter}b".splitlines()) > 1]
    whole = [
        "",
        "a red star",
        "",
        " é ",
        "एक लाल तारा",
        "نجمة حمراء",
        "一颗红星",
        "😀 👨‍👩‍👧",
        '"a", b\\n',
        "",
    ]
    captions = [*whole, *(f"a{each}b" for each in breaks), "a\tb", "a\r\nb", "a\ud800b"]
    path = tmp_path / "captions.txt"
    write_caption_lines(path, captions)
    content = path.read_bytes()
    expected = [*whole, *["a b"] * (len(breaks) + 1), "a  b", "a?b"]
    assert content.split(b"\n") == [line.encode() for line in [*expected, ""]]
    assert content.decode().splitlines() == expected


# --- Neighbours -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_neighbours", [1, 7, 64, 500])
def test_neighbours_equal_the_dense_matrix(corpus, n_neighbours):
    captions, cosines, identity = corpus
    keys = list(zip(map(str.split, map(clean_plainly, captions)), identity.tolist(), strict=True))
    first = [row for row, key in enumerate(keys) if key not in keys[:row]]
    found = find_neighbours(captions, n_neighbours)
    assert len(first) < len(captions)
    assert [keys[first[text]] for text in found.text] == keys
    assert found.indices.shape == found.similarities.shape == (len(first), n_neighbours)
    dense = cosines[np.ix_(first, first)]
    np.fill_diagonal(dense, 0)
    for row, indices, similarities in zip(dense, found.indices, found.similarities, strict=True):
        some = indices >= 0
        expected = np.sort(row[row > 0])[::-1][:n_neighbours]
        assert similarities[some] == pytest.approx(expected, abs=1e-6)
        assert row[indices[some]] == pytest.approx(expected, abs=1e-6)
        assert len(set(indices[some])) == len(expected)
        assert (similarities[~some] == 0).all()


def test_identity_is_that_of_the_token_ids_or_the_one_given(corpus):
    captions, _, identity = corpus
    given = find_neighbours(captions, 5, identity=identity)
    found = find_neighbours(captions, 5)
    for name in ("text", "identity", "indices", "similarities"):
        assert np.array_equal(getattr(found, name), getattr(given, name))
    assert len(set(zip(found.identity[found.text], identity, strict=True))) == len(set(identity))


@pytest.mark.parametrize("n_threads, rows_at_once", [(2, 65536), (3, 65536), (1, 17), (2, 50)])
def test_threads_and_blocks_do_not_matter(corpus, monkeypatch, n_threads, rows_at_once):
    expected = find_neighbours(corpus[0], 9)
    monkeypatch.setattr(lib.neighbours, "_ROWS_AT_ONCE", rows_at_once)
    found = find_neighbours(corpus[0], 9, n_threads=n_threads)
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.similarities, expected.similarities)


def test_texts_of_the_same_frequent_terms_lie_together(corpus):
    vectors = vectorise([normalise(caption) for caption in corpus[0]])
    order = order_by_terms(vectors)
    assert sorted(order.tolist()) == list(range(vectors.shape[0]))
    frequency = np.bincount(vectors.indices, minlength=vectors.shape[1])
    ranks = np.argsort(np.argsort(-frequency, kind="stable"))
    terms = [sorted(ranks[row.indices].tolist())[:3] for row in vectors[order]]
    # a text whose terms end earlier comes after those that have more
    assert terms == sorted(terms, key=lambda ranked: (ranked + [10**6] * 3)[:3])


def test_equal_texts_list_each_other_and_never_themselves():
    """Of 30 equally similar texts, most push themselves off a list of 2 + 1 places."""
    captions = [f"a dog {'!' * number}" for number in range(30)]
    neighbours = find_neighbours(captions, 2, tfidf={"max_df": 1.0}, identity=range(30))
    assert (neighbours.indices >= 0).all()
    assert (neighbours.indices != np.arange(30)[:, None]).all()
    assert neighbours.similarities == pytest.approx(np.ones((30, 2)))


def test_neighbours_are_read_as_they_were_written(corpus, tmp_path):
    neighbours = find_neighbours(corpus[0], 9)
    path, again = tmp_path / "neighbours.npz", tmp_path / "again.npz"
    write_neighbours(path, neighbours)
    loaded = read_neighbours(path)
    write_neighbours(again, loaded)
    for name in ("text", "identity", "indices", "similarities"):
        before, after = getattr(neighbours, name), getattr(loaded, name)
        assert before.dtype == after.dtype
        assert np.array_equal(before, after)
    assert (neighbours.vectors != loaded.vectors).nnz == 0
    assert path.read_bytes() == again.read_bytes()
    assert {entry.date_time[0] for entry in zipfile.ZipFile(path).infolist()} == {1980}


# --- Swapping -------------------------------------------------------------------------------------


def swap_plainly(cosines, identity, cs, top_k, generator):
    """The procedure of the study, word for word; equal similarities come in random order."""
    unused, pairs = set(range(len(identity))), []
    for row in generator.permutation(len(identity)):
        if 2 * len(pairs) >= int(cs * len(identity)):
            break
        if row not in unused:
            continue
        unused.remove(row)
        others = [other for other in unused if identity[other] != identity[row]]
        generator.shuffle(others)
        candidates = sorted(others, key=lambda other: -cosines[row, other])[:top_k]
        if not candidates:
            break
        partner = generator.choice(candidates)
        unused.remove(partner)
        pairs.append((row, partner))
    return np.array(pairs).reshape(-1, 2)


def check_moves(swapped, n):
    """Pairs exchanged, each row at most once, and nothing else moved."""
    used = swapped.pairs.ravel()
    assert len(set(used)) == len(used)
    expected = np.arange(n)
    expected[used] = swapped.pairs[:, ::-1].ravel()
    assert np.array_equal(swapped.permutation, expected)


def check_candidates(pairs, cosines, identity, top_k):
    """Each partner was, when drawn, one of the `top_k` best unused ones of another identity."""
    unused = np.ones(len(identity), bool)
    for row, partner in pairs:
        unused[row] = False
        candidates = unused & (identity != identity[row])
        assert candidates[partner]
        assert np.sum(cosines[row, candidates] > cosines[row, partner] + 1e-6) < top_k
        unused[partner] = False


@pytest.mark.parametrize("cs", [0.0, 0.1, 0.29, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("strategy", ["similar", "random"])
def test_rates_and_similarities_are_those_of_the_plain_procedure(corpus, strategy, cs):
    captions, cosines, identity = corpus
    neighbours = find_neighbours(captions)
    top_k = 10 if strategy == "similar" else len(captions)
    means = defaultdict(list)
    for seed in range(12):
        plain = swap_plainly(cosines, identity, cs, top_k, np.random.default_rng(seed))
        swapped = swap(neighbours, cs, strategy, seed)
        check_moves(swapped, len(captions))
        assert len(swapped.pairs) == len(plain) == min(-(int(cs * 301) // -2), 150)
        assert swapped.effective_cs == np.mean(identity[swapped.permutation] != identity)
        assert swapped.effective_cs == 2 * len(plain) / 301
        if cs > 0:
            means["found"].append(swapped.similarities.mean())
            means["expected"].append(cosines[plain[:, 0], plain[:, 1]].mean())
    if cs > 0:
        error = np.hypot(*(np.std(each, ddof=1) for each in means.values())) / np.sqrt(12)
        assert abs(np.mean(means["found"]) - np.mean(means["expected"])) < 4 * error


@pytest.mark.parametrize("n_neighbours", [1, 2, 64])
@pytest.mark.parametrize("top_k", [1, 10])
@pytest.mark.parametrize("cs", [0.3, 1.0])
def test_partners_are_among_the_most_similar_unused_captions(corpus, n_neighbours, top_k, cs):
    captions, cosines, identity = corpus
    neighbours = find_neighbours(captions, n_neighbours)
    for seed in range(3):
        pairs = swap(neighbours, cs, "similar", seed, top_k).pairs
        assert len(pairs) > 40
        check_candidates(pairs, cosines, identity, top_k)


@pytest.mark.parametrize("n_neighbours", [1, 2, 20])
def test_the_length_of_the_lists_does_not_matter(n_neighbours, monkeypatch):
    captions = make_distinct_captions(250, seed=3)
    expected = swap(find_neighbours(captions, 249), 1.0, "similar", 0)
    monkeypatch.setattr(lib.swaps, "_ROWS_AHEAD", n_neighbours)
    found = swap(find_neighbours(captions, n_neighbours), 1.0, "similar", 0)
    assert np.array_equal(found.pairs, expected.pairs)


def list_outcomes(cosines, identity, top_k, unused, pairs=()):
    """All courses that a swap of all captions can take: (pairs, probability)."""
    if not unused:
        yield pairs, 1.0
    for row in unused:
        left = unused - {row}
        others = [other for other in left if identity[other] != identity[row]]
        if not others:
            yield pairs, 1 / len(unused)
        places = min(top_k, len(others))
        for other in others:
            better = sum(cosines[row, each] > cosines[row, other] for each in others)
            equal = sum(cosines[row, each] == cosines[row, other] for each in others)
            chance = np.clip(places - better, 0, equal) / equal / places
            if chance > 0:
                more = (*pairs, (row, other))
                for course, odds in list_outcomes(cosines, identity, top_k, left - {other}, more):
                    yield course, odds * chance / len(unused)


@pytest.mark.parametrize("top_k, n_neighbours", [(1, 5), (2, 5), (2, 1), (10, 1)])
@pytest.mark.parametrize("strategy", ["similar", "random"])
def test_every_course_has_the_probability_of_the_procedure(strategy, top_k, n_neighbours, caplog):
    # One text twice, one that shares no word; the others are all differently similar.
    captions = ["red star", "red star", "red star ring", "red blue ring", "blue ring moon", "tree"]
    cosines = dense_cosines(captions, **ALL_TERMS).round(6)
    identity = [0, 0, 1, 2, 3, 4]
    caplog.set_level(logging.ERROR)
    plain = (cosines, identity, top_k) if strategy == "similar" else (0 * cosines, identity, 6)
    expected = Counter()
    for course, odds in list_outcomes(*plain, frozenset(range(6))):
        expected[course] += odds
    assert sum(expected.values()) == pytest.approx(1)
    neighbours = find_neighbours(captions, n_neighbours, ALL_TERMS)
    found = Counter(
        tuple(map(tuple, swap(neighbours, 1.0, strategy, seed, top_k).pairs.tolist()))
        for seed in range(2000)
    )
    assert set(found) <= set(expected)
    counts = [found[course] for course in expected]
    assert chisquare(counts, 2000 * np.array(list(expected.values()))).pvalue > 1e-4


def test_draws_depend_on_seed_strategy_and_rate_alone(corpus):
    neighbours = find_neighbours(corpus[0])
    asked = [(0.5, "similar", 0), (0.5, "similar", 1), (0.5, "random", 0), (0.3, "similar", 0)]
    swaps = {each: swap(neighbours, *each) for each in asked}
    for each in reversed(asked):
        again = swap(neighbours, *each)
        for name in ("permutation", "pairs", "similarities"):
            assert getattr(again, name).tobytes() == getattr(swaps[each], name).tobytes()
    assert len({swapped.pairs[:20].tobytes() for swapped in swaps.values()}) == 4
    assert len({swapped.pairs[:20, 0].tobytes() for swapped in swaps.values()}) == 4


@pytest.mark.parametrize("strategy", ["similar", "random"])
@pytest.mark.parametrize("others, most", [([], 0), (["blue ring", "a tree"], 2)])
def test_identical_captions_are_left_alone(strategy, others, most, caplog):
    captions = ["red star", "Red  star", "RED STAR ", *["red star"] * 5, *others]
    neighbours = find_neighbours(captions, 3, ALL_TERMS)
    for seed in range(10):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            swapped = swap(neighbours, 1.0, strategy, seed)
        check_moves(swapped, len(captions))
        assert most / 2 <= len(swapped.pairs) <= most
        assert swapped.effective_cs == 2 * len(swapped.pairs) / len(captions)
        assert (swapped.pairs.max(axis=1, initial=9) >= 8).all()
        assert f"stopped at {2 * len(swapped.pairs)} of {len(captions)} captions" in caplog.text


@pytest.mark.parametrize("strategy", ["similar", "random"])
def test_a_rate_that_is_not_reached_is_an_error(strategy):
    """Where 90 of 100 captions are one, no more than 20 can be swapped."""
    neighbours = find_neighbours(["no finding"] * 90 + make_distinct_captions(10, 1), 3, ALL_TERMS)
    check_reached(swap(neighbours, 0.2, "random", 0))
    few = find_neighbours(make_distinct_captions(30, 1), 3, ALL_TERMS)
    check_reached(swap(few, 0.09, strategy, 0))  # 2 of 30 captions, which is what there is
    with pytest.raises(ValueError, match=rf"'{strategy}', Cs 0\.8: 0\.\d+ was reached"):
        check_reached(swap(neighbours, 0.8, strategy, 0))


def test_captions_of_one_given_identity_are_left_alone():
    captions = ["red star", "blue star", "green star", "red ring"] * 5
    neighbours = find_neighbours(captions, 4, ALL_TERMS, identity=[0, 0, 1, 2] * 5)
    pairs = swap(neighbours, 0.8, "similar", 0).pairs
    assert len(pairs) == 8
    assert (np.isin(pairs % 4, [0, 1]).sum(axis=1) < 2).all()


def test_lists_full_of_one_identity_are_made_longer():
    """The few captions of another identity are found behind more of the same than a list holds."""
    captions = [f"red star {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(60)]
    captions += ["red ring", "blue ring"]
    identity = [0] * 60 + [1, 2]
    neighbours = find_neighbours(captions, 8, ALL_TERMS, identity)
    for seed in range(5):
        [(one, other)] = swap(neighbours, 0.02, "similar", seed, top_k=1).pairs
        assert identity[one] != identity[other]


def test_pair_similarities_equal_the_dense_matrix(corpus):
    captions, cosines, _ = corpus
    pairs = np.random.default_rng(4).integers(len(captions), size=(500, 2))
    found = pair_similarities(find_neighbours(captions, 1), pairs)
    assert found == pytest.approx(cosines[pairs[:, 0], pairs[:, 1]], abs=1e-6)


def test_summary():
    similarities = np.array([0.0, 0.2, 0.3, 0.9])
    swapped = Swap("similar", 0.5, 7, np.arange(16), np.zeros((4, 2), int), similarities, 0.5)
    row = {"strategy": "similar", "cs": 0.5, "seed": 7, "swapped": 8, "effective_cs": 0.5}
    some = {"mean_similarity": 0.35, "median_similarity": 0.25, "zero_similarity_share": 0.25}
    assert summarise_swap(swapped) == pytest.approx(row | some)


def test_summary_where_nothing_was_swapped(corpus):
    row = summarise_swap(swap(find_neighbours(corpus[0]), 0.0, "similar", 3))
    assert row["swapped"] == row["effective_cs"] == 0
    assert row["mean_similarity"] is row["median_similarity"] is None
    assert row["zero_similarity_share"] is None


def test_a_permutation_of_some_rows_in_the_whole_table():
    captions = np.array(list("abcdefg"))
    rows, permutation = np.array([1, 2, 5]), np.array([2, 1, 0])
    whole = extend_permutation(permutation, rows, 7)
    assert "".join(captions[whole]) == "afcdebg"
    assert np.array_equal(captions[whole][rows], captions[rows][permutation])


# --- Size, and real captions ----------------------------------------------------------------------


def test_memory_does_not_grow_with_the_square_of_the_captions():
    n = 20_000
    generator = np.random.default_rng(5)
    drawn = generator.choice(WORDS, (n, 4))
    captions = [f"{' '.join(words)} x{row}" for row, words in enumerate(drawn)]
    tracemalloc.start()
    try:
        swapped = swap(find_neighbours(captions, 32), 0.8, "similar", 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 2 * len(swapped.pairs) == 16_000
    assert peak < 100e6  # a dense matrix has 1600e6 bytes


@pytest.fixture(scope="module")
def real_neighbours():
    return find_neighbours(read_captions())


@pytest.mark.parametrize("cs, mean", [(0.1, 0.418), (0.3, 0.405), (0.5, 0.390), (0.8, 0.355)])
def test_real_captions_give_the_figures_of_the_study(real_neighbours, cs, mean):
    row = summarise_swap(swap(real_neighbours, cs, "similar", 42, top_k=10))
    assert round(row["swapped"] / len(real_neighbours.text), 4) == cs
    assert round(row["effective_cs"], 4) == cs
    assert row["mean_similarity"] == pytest.approx(mean, abs=0.02)
    assert row["zero_similarity_share"] < 0.011


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "captions, settings, message",
    [
        ([], {}, "the list of captions is empty"),
        (["red", None], {}, "caption 1 is None; a string is expected"),
        ([b"red"], {}, "caption 0 is b'red'; a string is expected"),
        (["red"], {"n_neighbours": 0}, "n_neighbours is 0; at least 1"),
        (["red"], {"identity": [1, 2]}, "identity has 2 values; 1 captions"),
        (["red"] * 3, {"tfidf": {"lowercase": True}}, r"unknown TF-IDF settings \['lowercase'\]"),
        (["Of the", "the!"], {}, "no term of 2 captions, the first of which is 'of the'"),
    ],
)
def test_impossible_neighbours_are_an_error(captions, settings, message):
    with pytest.raises(ValueError, match=message):
        find_neighbours(captions, **settings)


def test_vectors_of_no_captions_are_an_error():
    with pytest.raises(ValueError, match="the list of captions is empty"):
        vectorise([])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"cs": 1.01}, r"Cs is 1.01; a share in \[0, 1\]"),
        ({"cs": -0.1}, "Cs is -0.1"),
        ({"cs": float("nan")}, "Cs is nan"),
        ({"strategy": "near"}, "'near'; one of similar, random is expected"),
        ({"top_k": 0}, "top_k is 0; at least 1"),
        ({"seed": -1}, "seed is -1; a whole number of 0 or more"),
    ],
)
def test_impossible_swaps_are_an_error(corpus, settings, message):
    neighbours = find_neighbours(corpus[0], 1)
    with pytest.raises(ValueError, match=message):
        swap(neighbours, **({"cs": 0.5, "strategy": "similar", "seed": 0} | settings))
