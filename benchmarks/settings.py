"""What all benchmarks share: the sizes, the form of a row, captions and images to measure with."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIZES = ("smoke", "reduced", "full")


class Settings(NamedTuple):
    """`size` is one of SIZES; `captions` a TSV of caption and URL, or None for drawn captions."""

    size: str
    captions: str | None = None

    def choose(self, smoke, reduced, full):
        """The value of this size."""
        return {"smoke": smoke, "reduced": reduced, "full": full}[self.size]

    @property
    def in_process(self) -> bool:
        """Whether sides run without processes of their own: smoke tests, where seconds count."""
        return self.size == "smoke"


class Row(NamedTuple):
    """A row of the table: `holds` is yes, no or why not measured; `notes` are paragraphs."""

    what: str
    beside: str
    target: str
    measured: str
    holds: str
    notes: list[str]


def tell(holds: bool) -> str:
    """Yes or no."""
    return "yes" if holds else "**no**"


def format_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def read_captions(path: str | None, count: int) -> list[str]:
    """As many captions: of a list (grown where it has not as many), or drawn.

    Grown ones join halves of real ones (`scaling_probes.grow_captions`), which keeps the
    frequencies of words, and nearly all of those of two words.
    """
    from benchmarks.scaling_probes import grow_captions

    if path is None:
        return grow_captions(draw_captions(min(count, 16_000)), count)
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return grow_captions([line.split("\t")[0] for line in lines], count)


def draw_captions(count: int) -> list[str]:
    """Captions of 4 to 15 words, whose frequencies fall as their rank rises (Zipf)."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(4, 16, size=count)
    ranks = generator.zipf(1.3, size=lengths.sum()) % 20_000
    words = np.array([f"word{rank}" for rank in range(20_000)])[ranks]
    return [" ".join(part) for part in np.split(words, np.cumsum(lengths)[:-1])]


def draw_jpegs(count: int, side: int) -> list[bytes]:
    """JPEG files of smooth random pictures, a few of them many times."""
    from PIL import Image

    generator = np.random.default_rng(0)
    files = []
    for _ in range(min(count, 50)):
        coarse = Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        stream = io.BytesIO()
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=92)
        files.append(stream.getvalue())
    return [files[number % len(files)] for number in range(count)]
