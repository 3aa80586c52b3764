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


def write_images(path: str | Path, count: int, side: int) -> None:
    """One shard of the samples of `make_samples`."""
    write_shard(path, make_samples(count, side))


def write_shards(folder: Path, count: int, side: int, shards: int = CORES) -> list[str]:
    """The samples of `make_samples` in shards 0.tar, 1.tar and so on: by default one for each core,
    so that every worker of a peer has one."""
    samples = make_samples(count, side)
    bounds = np.linspace(0, count, shards + 1).astype(int).tolist()
    paths = [str(folder / f"{number}.tar") for number in range(shards)]
    for path, (first, end) in zip(paths, itertools.pairwise(bounds), strict=True):
        write_shard(path, samples[first:end])
    return paths


def make_samples(count: int, side: int) -> list[Sample]:
    """JPEG files of `side` pixels with a label and a caption each."""
    files, captions = draw_jpegs(count, side), draw_captions(count)
    return [
        Sample(
            make_key(number),
            {
                "jpg": files[number],
                "cls": str(number % 10).encode(),
                "txt": captions[number].encode(),
                "json": encode_json({"caption": captions[number], "key": make_key(number)}),
            },
        )
        for number in range(count)
    ]


def summarise_features(embeddings: np.ndarray) -> list[list[float]]:
    """A few unit embeddings, by which sides are shown to agree."""
    some = np.asarray(embeddings[:SHOWN, :5], dtype=np.float64)
    return some.tolist()
