"""Models, shards and captions that benchmarks of the towers measure with."""

from pathlib import Path

import numpy as np

from benchmarks.settings import draw_captions, draw_jpegs
from lib.architectures import find_architecture
from lib.corpus import Sample, encode_json, write_shard

ROOT = Path(__file__).resolve().parents[1]
TINY = "config/architectures/tiny.json"  # of 32 pixels, for smoke tests
CPU_BATCH = 32  # of 32, 64 and 128 the fastest for ViT-B/32 on a CPU, whoever runs it
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
    """One shard of JPEG files of `side` pixels with a label and a caption each."""
    files, captions = draw_jpegs(count, side), draw_captions(count)
    write_shard(
        path,
        (
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
        ),
    )


def summarise_features(embeddings: np.ndarray) -> list[list[float]]:
    """A few unit embeddings, by which sides are shown to agree."""
    some = np.asarray(embeddings[:3, :5], dtype=np.float64)
    return some.tolist()
