"""Features of frozen towers, extracted once: what every head of the study is trained and tested on.

Features are the towers' outputs *before* the projection, (n, width) float32.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from PIL import Image

from lib.corpus import iterate_images
from lib.files import atomic_path
from lib.progress import Progress

Sample = tuple[str, Image.Image]


def extract_views(
    path: str | Path,
    towers: torch.nn.Module,
    shards: Sequence[str | Path],
    keys: Sequence[str],
    transform: Callable[[Image.Image], torch.Tensor],
    views: int,
    seed: int,
    batch_size: int,
    device: torch.device,
) -> None:
    """Write the image features of a part of a corpus, (views, n, image width), as .npy.

    The features of a pair are the same in whatever part it is extracted (in the last bits they may
    depend on the batch). A part without pairs has the shape (views, 0, 0).

    Args:
        shards, keys: of the pairs, as `iterate_images` takes them.
        transform: may draw a crop from torch's generator, which is seeded for each image by
            (seed, view, key): a crop depends neither on batches nor on order nor on shards.

    Raises:
        ValueError: a key is not in the shards, or not in their order.
    """
    progress = Progress("image features", views * len(keys), "images")
    with atomic_path(path) as temporary:
        features = None if keys else open_memmap(temporary, "w+", np.float32, (views, 0, 0))
        for view in range(views):
            for first, batch in _batches(iterate_images(shards, keys), batch_size):
                pixels = [_transform(transform, sample, view, seed) for sample in batch]
                block = _encode_images(towers, pixels, device)
                if features is None:
                    shape = (views, len(keys), block.shape[1])
                    features = open_memmap(temporary, "w+", np.float32, shape)
                features[view, first : first + len(batch)] = block
                progress.advance(len(batch))
        features.flush()


def extract_texts(
    towers: torch.nn.Module,
    tokenize: Callable[[list[str]], torch.Tensor],
    texts: Sequence[str],
    batch_size: int,
    device: torch.device,
) -> np.ndarray:
    """Text features (n, text width) float32; equal texts are encoded once."""
    distinct, inverse = np.unique(np.asarray(texts, dtype=object), return_inverse=True)
    progress = Progress("text features", len(distinct), "texts")
    blocks = []
    for _, batch in _batches(distinct.tolist(), batch_size):
        with torch.inference_mode():
            blocks.append(towers.encode_text(tokenize(batch).to(device)).float().cpu().numpy())
        progress.advance(len(batch))
    return np.concatenate(blocks)[inverse]


def extract_images(
    towers: torch.nn.Module,
    images: Iterable[Image.Image],
    transform: Callable[[Image.Image], torch.Tensor],
    batch_size: int,
    device: torch.device,
) -> np.ndarray:
    """Image features (n, image width) float32 of images that fit into memory as features."""
    blocks = [
        _encode_images(towers, [transform(image) for image in batch], device)
        for _, batch in _batches(images, batch_size)
    ]
    return np.concatenate(blocks)


def _transform(
    transform: Callable[[Image.Image], torch.Tensor], sample: Sample, view: int, seed: int
) -> torch.Tensor:
    key, image = sample
    digest = hashlib.sha256(f"{seed} {view} {key}".encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:8], "little") >> 1)
    return transform(image)


def _encode_images(
    towers: torch.nn.Module, pixels: list[torch.Tensor], device: torch.device
) -> np.ndarray:
    batch = torch.stack(pixels).to(device).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        return towers.encode_image(batch).float().cpu().numpy()


def _batches(items: Iterable, size: int) -> Iterator[tuple[int, list]]:
    """Consecutive lists of at most `size` items, each with the position of its first."""
    iterator, first = iter(items), 0
    while batch := list(itertools.islice(iterator, size)):
        yield first, batch
        first += len(batch)
