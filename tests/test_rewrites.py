"""Rewrites: those that belong to their captions pass, and a file that is one line off does not."""

import random
import re

import numpy as np
import pytest

from lib.glyphs import CorpusSettings, Noise, caption_scene, draw_scene
from lib.rewrites import BLOCK, check_originals, read_rewrites
from tests.real_data import read_captions

N = 2500


def read_real():
    """Real captions, and rewrites that keep about a third of their words among others."""
    rng = random.Random(0)
    captions = read_captions()[:N]
    rewrites = []
    for caption in captions:
        words = caption.split()
        kept = rng.sample(words, -(-len(words) // 3))
        rewrites.append(f"a picture of {' '.join(kept)} in the photo with a view on it")
    return captions, rewrites


def draw():
    """Drawn captions, short and noisy, and their rewrites."""
    settings = CorpusSettings(N, 0, N, noise=Noise(0.3, 0.3), rewrites=1)
    found = [caption_scene(draw_scene(0, "train", n), settings, "train", n) for n in range(N)]
    return [caption for caption, *_ in found], [rewrites[0] for *_, rewrites in found]


@pytest.fixture(scope="module", params=[read_real, draw], ids=["real", "drawn"])
def texts(request):
    return request.param()


def write(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_rewrites_are_those_of_the_rows_asked_for(tmp_path, texts):
    captions, rewrites = texts
    short = {3: "", 17: "cat", 18: "  cat  "}  # of fewer than two words
    lines = [short.get(row, line) for row, line in enumerate(rewrites)]
    path = write(tmp_path / "r.txt", lines)
    rows = np.array([0, 3, 4, 17, 18, 700, N - 1])
    expected = [captions[row] if row in short else rewrites[row] for row in rows]
    assert read_rewrites(path, captions, N, rows) == expected
    # of the list, only the first rows are used
    used = 450
    assert read_rewrites(path, captions[:used], N, rows[:5]) == expected[:5]


@pytest.mark.parametrize("row", [0, 100, 1000, N - BLOCK - 60])
@pytest.mark.parametrize("lines", [-1, 1, 2, -3])
def test_a_file_that_is_off_from_some_row_on_is_an_error(tmp_path, texts, row, lines):
    """Lines are lost (or too many) at a row, and the length is made up for at the end."""
    captions, rewrites = texts
    if lines < 0:
        moved = rewrites[:row] + rewrites[row - lines :] + rewrites[:-lines]
    else:
        moved = (rewrites[:row] + ["there is something else"] * lines + rewrites[row:])[:N]
    path = write(tmp_path / "r.txt", moved)
    with pytest.raises(ValueError, match=r"r\.txt is not aligned with the corpus") as error:
        read_rewrites(path, captions, N, np.arange(N))
    message, first, *others = str(error.value).split("\n")
    assert len(others) == 2
    start, end = map(int, re.search(r"rows (\d+) to (\d+)", message).groups())
    assert row - BLOCK <= start <= row + BLOCK
    assert end < N
    assert first.startswith(f"  row {start}: corpus {captions[start]!r}, rewrite {moved[start]!r}")


def test_shuffled_rewrites_are_an_error(tmp_path, texts):
    captions, rewrites = texts
    path = write(tmp_path / "r.txt", random.Random(1).sample(rewrites, N))
    with pytest.raises(ValueError, match="is not aligned"):
        read_rewrites(path, captions, N, np.arange(N))


@pytest.mark.parametrize(
    ("captions", "rewrites"),
    [
        (["a photo of a dog"] * 300, ["a photo of one dog"] * 300),
        (["one cat"], ["another thing"]),
        (["a cat", None, "a dog"], ["the cat", "what is this", "the dog"]),
        (["a cat", "a dog"], ["", ""]),
    ],
    ids=["the same caption everywhere", "one row", "a row without caption", "no rewrites"],
)
def test_where_there_is_nothing_to_compare_nothing_is_wrong(tmp_path, captions, rewrites):
    path = write(tmp_path / "r.txt", rewrites)
    assert len(read_rewrites(path, captions, len(captions), np.array([0]))) == 1


@pytest.mark.parametrize("lines", [9, 11])
def test_another_number_of_lines_is_an_error(tmp_path, lines):
    path = write(tmp_path / "r.txt", ["a cat"] * lines)
    with pytest.raises(ValueError, match=rf"r\.txt has {lines} captions, .* input 10 rows"):
        read_rewrites(path, ["a cat"] * 4, 10, np.array([0]))


# --- The captions that were rewritten -------------------------------------------------------------


CAPTIONS = ["a cat", 'a "red", dog', "two  birds", None]


@pytest.mark.parametrize("name", ["o.txt", "o.csv", "named.csv"])
def test_originals_that_are_the_corpus_pass(tmp_path, name):
    if name == "o.txt":
        write(tmp_path / name, ["a cat ", 'a "red", dog', "two birds", "", "unused"])
    else:
        names = ["path,caption,url"] if name == "named.csv" else []
        texts = ["a cat", '"a ""red"", dog"', "two birds", "", "unused"]
        lines = [f"{n}.jpg,{text},http://a/{n}" for n, text in enumerate(texts)]
        write(tmp_path / name, names + lines)
    check_originals(tmp_path / name, CAPTIONS, 5)


def test_originals_that_differ_are_shown_side_by_side(tmp_path):
    captions = [f"caption {n}" for n in range(50)]
    path = write(tmp_path / "o.txt", captions[:20] + captions[21:] + ["one more"])
    with pytest.raises(ValueError, match=r"o\.txt is not aligned .* 30 of 50 captions") as error:
        check_originals(path, captions, 50)
    assert str(error.value).split("\n")[1:] == [
        f"  row {n}: corpus 'caption {n}', file 'caption {n + 1}'" for n in (20, 21, 22)
    ]


def test_another_number_of_originals_is_an_error(tmp_path):
    path = write(tmp_path / "o.csv", ["1.jpg,a cat", "2.jpg,a dog"])
    with pytest.raises(ValueError, match=r"o\.csv has 2 captions, the corpus's input 3 rows"):
        check_originals(path, ["a cat", "a dog"], 3)
