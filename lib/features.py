"""Features of frozen towers, extracted once: what every head of the study is trained and tested on.

Features are the towers' outputs *before* the projection, (n, width) float32 until they are stored.
"""

import hashlib
import itertools
import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.lib.format import write_array_header_1_0
from PIL import Image

from lib.ahead import run_ahead, transform_ahead
from lib.corpus import Sample, decode_image, select_samples
from lib.feature_store import to_storage
from lib.files import atomic_path
from lib.progress import Progress

logger = logging.getLogger(__name__)

Found = tuple[str | Path, Sample]  # a shard, and a sample in it
Item = TypeVar("Item")

_TEXTS_AT_ONCE = 10_000  # texts that become token ids together: bounds the ids of 64 bits


def extract_views(
    path: str | Path,
    towers: torch.nn.Module,
    shards: Sequence[str | Path],
    keys: Sequence[str],
    transform: Callable[[Image.Image], torch.Tensor],
    views: int,
    seed: int,
    batch_size: int,
    device: torch.device | str,
    storage: str = "float32",
    crop: Callable[[Image.Image, int], Image.Image] | None = None,
    workers: int = 0,
) -> None:
    """Write the image features of a part of a corpus, (views, n, image width), as .npy.

    The features of a pair are the same in whatever part it is extracted (in the last bits they may
    depend on the batch). A part without pairs has the shape (views, 0, 0).

    Args:
        shards, keys: of the pairs, as `select_samples` takes them.
        storage: "float32" or "float16", what is written.
        crop: draws a view of an image from a seed of its own, made of (seed, view, key): a crop
            depends neither on batches nor on order nor on shards. By default there is none.
        workers: processes that decode and transform ahead of the towers, see `transform_ahead`.

    Raises:
        ValueError: a key is not in the shards, or not in their order; or as `store`.
    """
    progress = Progress("image features", views * len(keys), "images")

    def prepare(item: tuple[int, Found]) -> torch.Tensor:
        view, (shard, sample) = item
        image = decode_image(sample, shard)
        return transform(crop(image, _crop_seed(seed, view, sample.key)) if crop else image)

    items = ((view, found) for view in range(views) for found in select_samples(shards, keys))
    batches = _make_batches(prepare, items, batch_size, device, workers)
    blocks = encode_batches(partial(_encode_images, towers, device), batches)
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        first = next(blocks, np.empty((0, 0), np.float32))
        header = {
            "descr": np.dtype(storage).newbyteorder("<").str,
            "fortran_order": False,
            "shape": (views, len(keys), first.shape[1]),
        }
        write_array_header_1_0(stream, header)
        for block in itertools.chain([first], blocks):  # a view: all images, view after view
            stream.write(to_storage(block, storage).tobytes())
            progress.advance(len(block))


def extract_texts(
    towers: torch.nn.Module,
    tokenize: Callable[[list[str]], torch.Tensor],
    texts: Sequence[str],
    batch_size: int,
    device: torch.device | str,
) -> np.ndarray:
    """Text features (n, text width) float32; equal texts are encoded once, in order of length.

    Sorted by length, the texts of a batch need hardly any padding, and `Towers` skip what lies
    behind the longest. A text ends at its largest token id.

    Args:
        tokenize: texts to token ids (n, context length), padded with zeros.
    """
    distinct, inverse = np.unique(np.asarray(texts, dtype=object), return_inverse=True)
    tokens = _tokenize_all(tokenize, distinct.tolist())
    order = torch.argsort(tokens.argmax(dim=1), stable=True)
    progress = Progress("text features", len(distinct), "texts")
    blocks = []
    encode = partial(_encode_texts, towers, device, tokens)
    for block in encode_batches(encode, order.split(batch_size)):
        blocks.append(block)
        progress.advance(len(block))
    return np.concatenate(blocks)[torch.argsort(order).numpy()[inverse]]


def extract_images(
    towers: torch.nn.Module,
    images: Iterable[Item],
    transform: Callable[[Item], torch.Tensor],
    batch_size: int,
    device: torch.device | str,
    total: float = math.inf,
    workers: int = 0,
) -> np.ndarray:
    """Image features (n, image width) float32 of images that fit into memory as features.

    Args:
        images: or whatever `transform` makes pixels of, such as samples (see `decode_first`).
        total: number of images, for the progress that is shown.
        workers: processes that transform ahead of the towers, see `transform_ahead`.
    """
    progress = Progress("image features", total, "images")
    batches = _make_batches(transform, images, batch_size, device, workers)
    blocks = []
    for block in encode_batches(partial(_encode_images, towers, device), batches):
        blocks.append(block)
        progress.advance(len(block))
    return np.concatenate(blocks)


def decode_first(
    transform: Callable[[Image.Image], torch.Tensor],
) -> Callable[[Found], torch.Tensor]:
    """A transform of (shard, sample) instead of images: then `workers` decode, too."""
    return lambda found: transform(decode_image(found[1], found[0]))


def encode_batches(
    encode: Callable[[torch.Tensor], np.ndarray], batches: Iterable[torch.Tensor]
) -> Iterator[np.ndarray]:
    """Features of batches, block by block.

    A batch that the GPU has no memory for is halved, again if need be, and so are all later ones.

    Raises:
        torch.cuda.OutOfMemoryError: a single item is too much.
    """
    limit = sys.maxsize
    for batch in batches:
        while len(batch):
            part = batch[:limit]
            block = _encode_if_it_fits(encode, part)
            if block is None:
                limit = len(part) // 2
                torch.cuda.empty_cache()
                logger.warning("out of GPU memory: goes on in batches of %d", limit)
            else:
                yield block
                batch = batch[limit:]


def _encode_if_it_fits(
    encode: Callable[[torch.Tensor], np.ndarray], batch: torch.Tensor
) -> np.ndarray | None:
    """Features of a batch; None, with nothing left in memory, if it is too large but can shrink."""
    try:
        return encode(batch)
    except torch.cuda.OutOfMemoryError:
        if len(batch) == 1:
            raise
    return None


def _make_batches(
    transform: Callable[[Item], torch.Tensor],
    items: Iterable[Item],
    batch_size: int,
    device: torch.device | str,
    workers: int,
) -> Iterator[torch.Tensor]:
    """Batches (batch size, size, size, 3) of transformed items, the last one maybe smaller.

    Args:
        device: that they are for; for a GPU they lie in memory that it can read by itself.
        workers: processes that transform ahead, while a thread stacks: the caller's own shall have
            nothing to do but to feed the GPU.
    """
    pixels = transform_ahead(transform, items, workers)
    batches = _stack(pixels, batch_size, pin_memory=torch.device(device).type == "cuda")
    return run_ahead(batches, ahead=2) if workers else batches


def _stack(
    pixels: Iterator[torch.Tensor], batch_size: int, pin_memory: bool
) -> Iterator[torch.Tensor]:
    while some := list(itertools.islice(pixels, batch_size)):
        batch = torch.stack(some)
        yield batch.pin_memory() if pin_memory else batch


def _crop_seed(seed: int, view: int, key: str) -> int:
    digest = hashlib.sha256(f"{seed} {view} {key}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def _encode_images(
    towers: torch.nn.Module, device: torch.device | str, pixels: torch.Tensor
) -> np.ndarray:
    with torch.inference_mode():
        return _to_array(towers.encode_image(pixels.to(device, non_blocking=True)))


def _tokenize_all(tokenize: Callable[[list[str]], torch.Tensor], texts: list[str]) -> torch.Tensor:
    """Token ids (n, context length) int32 of many texts."""
    progress = Progress("token ids", len(texts), "texts")
    parts = []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        part = texts[start : start + _TEXTS_AT_ONCE]
        parts.append(tokenize(part).to(torch.int32))
        progress.advance(len(part))
    return torch.cat(parts)


def _encode_texts(
    towers: torch.nn.Module, device: torch.device | str, tokens: torch.Tensor, rows: torch.Tensor
) -> np.ndarray:
    with torch.inference_mode():
        return _to_array(towers.encode_text(tokens[rows].long().to(device)))


def _to_array(output: torch.Tensor) -> np.ndarray:
    """A tower's output for a batch as float32.

    Raises:
        ValueError: a feature is not finite. Later, no one could tell whose it was.
    """
    features = output.float().cpu().numpy()
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features).all(axis=1)).sum())
        raise ValueError(
            f"features of {bad} of the {len(features)} items of a batch are not finite; expected "
            "are numbers: the weights are damaged, or overflow at this precision"
        )
    return features
