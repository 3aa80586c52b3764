"""Models, shards and captions that benchmarks of the towers measure with."""

import itertools
import os
from pathlib import Path

import numpy as np

from benchmarks.settings import draw_captions, draw_jpegs
from lib.architectures import find_architecture
from lib.corpus import Sample, encode_json, write_shard

ROOT = Path(__file__).resolve().parents[1]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
CPU_BATCH = 32  # of 32, 64 and 128 the fastest for ViT-B/32 on a CPU, whoever runs it
SHOWN = 3  # images whose embeddings are compared
TINY = "config/architectures/tiny.json"  # of 32 pixels, for smoke tests
GLYPHS = "config/architectures/glyphs.json"  # the embedded study's, of 32 pixels


def get_architecture(name: str) -> dict:
    """An architecture of open_clip by its name, or one of the project's by its path."""
    kind = "scratch" if name.endswith(".json") else "open_clip"
    return find_architecture({"kind": kind, "architecture": name}, ROOT)


def build_towers(name: str):
    """The towers with random weights of one seed, and the head that was taken off."""
    from lib.models import build_model, split_head

    return split_head(build_model(get_architecture(name), seed=0))


def make_key(number: int) -> str:
    """The key of an image."""
    return f"{number:09d}"


def write_shards(folder: Path, count: int, side: int) -> list[str]:
    """As many shards as cores, so that a peer's workers each have one, of as many images in all."""
    bounds = np.linspace(0, count, CORES + 1).astype(int).tolist()
    shards = []
    for first, end in itertools.pairwise(bounds):
        shards.append(str(folder / f"{len(shards)}.tar"))
        write_images(shards[-1], end - first, side, first)
    return shards


def write_images(path: str | Path, count: int, side: int, first: int = 0) -> None:
    """One shard of JPEG files of `side` pixels with a label and a caption each.

    Args:
        first: number of the first, for its key.
    """
    files, captions = draw_jpegs(count, side), draw_captions(count)
    write_shard(
        path,
        (
            Sample(
                make_key(first + number),
                {
                    "jpg": files[number],
                    "cls": str(number % 10).encode(),
                    "txt": captions[number].encode(),
                    "json": encode_json(
                        {"caption": captions[number], "key": make_key(first + number)}
                    ),
                },
            )
            for number in range(count)
        ),
    )


def summarise_features(embeddings: np.ndarray) -> list[list[float]]:
    """A few unit embeddings, by which sides are shown to agree."""
    some = np.asarray(embeddings[:SHOWN, :5], dtype=np.float64)
    return some.tolist()
