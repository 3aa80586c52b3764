"""Image-caption corpora on disk: WebDataset shards of pairs, and one table with all captions.

A corpus is a directory with `shards/*.tar` (samples `key.png|jpg|...`, `key.txt` with the raw
caption, `key.json`) and `captions.parquet` (columns `key`, `split`, `caption`, `rewrite_1` to
`rewrite_R`, and `shard`, the number of the shard that holds the pair). The rows of the table are in
the order of the shards: the order of the corpus. The table says which pairs exist: samples of the
shards that it does not name belong to no pair.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps, UnidentifiedImageError

from lib.files import atomic_path

SPLITS = ("train", "validation")
IMAGE_SUFFIXES = ("png", "jpg", "jpeg", "webp")
# What a file may be, whatever it is called: Pillow would run Ghostscript on an EPS named .jpg.
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


class Sample(NamedTuple):
    """One sample of a shard: `parts` maps a suffix without the dot ("png", "txt") to its bytes."""

    key: str
    parts: dict[str, bytes]


class CaptionTable(NamedTuple):
    """The captions of a corpus; all lists have one entry a pair, in the order of the corpus.

    `rewrites` has R lists (none where the corpus has no rewrites). `shards` numbers the shard of
    each pair, from 0.
    """

    keys: list[str]
    splits: list[str]
    captions: list[str]
    rewrites: list[list[str]]
    shards: list[int]

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a split, int64, ascending."""
        return np.flatnonzero(np.asarray(self.splits) == split)


def write_shard(path: str | Path, samples: Iterable[Sample]) -> None:
    """Write a WebDataset shard; the same samples give the same bytes.

    Owner, mode and time are fixed, and the parts of a sample lie together, sorted by suffix.

    Raises:
        ValueError: a key is used twice or has a dot (WebDataset ends a key at its first dot).
    """
    seen: set[str] = set()
    with (
        atomic_path(path) as temporary,
        tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for key, parts in samples:
            if key in seen or "." in key:
                raise ValueError(f"{path}: key {key!r} must be unique and without a dot")
            seen.add(key)
            for suffix in sorted(parts):
                entry = tarfile.TarInfo(f"{key}.{suffix}")
                entry.size = len(parts[suffix])
                tar.addfile(entry, io.BytesIO(parts[suffix]))


def iterate_samples(shards: Sequence[str | Path]) -> Iterator[Sample]:
    """Yield the samples of all shards in order, one at a time, in bounded memory.

    Raises:
        ValueError: a shard is no readable tar file, or holds one file twice.
    """
    for shard in shards:
        try:
            yield from _iterate_shard(shard)
        except tarfile.TarError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{shard} is not a whole tar file: {reason}") from error


def iterate_images(
    shards: Sequence[str | Path], keys: Sequence[str] | None = None
) -> Iterator[tuple[str, Image.Image]]:
    """Yield (key, RGB image) of these keys, in their order; by default of all samples.

    Raises:
        ValueError: a key is not found (`select_samples`), or a sample has no image, or one that
            cannot be decoded. It is never skipped or replaced: that would put another image under
            its caption.
    """
    for shard, sample in select_samples(shards, keys):
        yield sample.key, decode_image(sample, shard)


def select_samples(
    shards: Sequence[str | Path], keys: Sequence[str] | None = None
) -> Iterator[tuple[str | Path, Sample]]:
    """Yield (shard, sample) of exactly these keys, in their order; by default of all samples.

    Every pass over a corpus selects its pairs here. No shard is opened after the last key.

    Raises:
        ValueError: a key is not in the shards, or not in the order of `keys`.
    """
    samples = ((shard, sample) for shard in shards for sample in iterate_samples([shard]))
    if keys is None:
        yield from samples
        return
    for row, key in enumerate(keys):
        found = next((each for each in samples if each[1].key == key), None)
        if found is None:
            raise ValueError(
                f"key {key!r} (row {row} of the captions) is not in the shards from {shards[0]} "
                f"to {shards[-1]}, or not in that order"
            )
        yield found


def find_image(sample: Sample) -> str | None:
    """The suffix under which a sample has its image; None if it has none."""
    return next((suffix for suffix in IMAGE_SUFFIXES if suffix in sample.parts), None)


def decode_image(sample: Sample, shard: str | Path) -> Image.Image:
    """The image of a sample, converted to RGB; `shard` is named in errors.

    Raises:
        ValueError: there is no image, or it cannot be decoded.
    """
    suffix = find_image(sample)
    if suffix is None:
        raise ValueError(
            f"{shard}: sample {sample.key} has no image; found {sorted(sample.parts)}, "
            f"expected one of {', '.join(IMAGE_SUFFIXES)}"
        )
    try:
        return decode_rgb(sample.parts[suffix])
    except ValueError as error:
        raise ValueError(f"{shard}: {sample.key}.{suffix} {error}") from error


def decode_rgb(content: bytes) -> Image.Image:
    """The image in a file's content, converted to RGB.

    Raises:
        ValueError: it cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
            return to_rgb(image)
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        formats = ", ".join(IMAGE_FORMATS)
        raise ValueError(f"cannot be decoded as an image: expected {formats}") from error
    except Exception as error:  # a damaged file can raise anything at all in a decoder
        raise ValueError(f"cannot be decoded as an image: {error}") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """An image as RGB.

    Grey of 16 bits, also where it is stored in 32, becomes its upper eight (`convert` would clip
    it); stored in 32 and nowhere above 255, it counts as grey of 8 bits.
    """
    if not image.mode.startswith("I"):
        return image.convert("RGB")
    grey = np.asarray(image)
    if image.mode != "I" or grey.max() > 255:
        grey = grey >> 8
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")


def load_pixels(
    shards: Sequence[str | Path], size: int, keys: Sequence[str] | None = None
) -> tuple[list[str], np.ndarray]:
    """Decode images (see `iterate_images`) into memory: keys, and uint8 pixels (n, size, size, 3).

    An image of another size is resized (bicubic) and cropped at its centre. The memory is
    3 * size**2 bytes a pair: for corpora of small images only.
    """
    found, pixels = [], []
    for key, image in iterate_images(shards, keys):
        if image.size != (size, size):
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        found.append(key)
        pixels.append(np.asarray(image))
    return found, np.stack(pixels) if pixels else np.zeros((0, size, size, 3), np.uint8)


def write_captions(path: str | Path, table: CaptionTable) -> None:
    """Write the caption table as Parquet, after the checks of `check_captions`."""
    check_captions(table, str(path))
    columns = {"key": table.keys, "split": table.splits, "caption": table.captions}
    columns |= {f"rewrite_{i}": rewrites for i, rewrites in enumerate(table.rewrites, start=1)}
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    arrays["shard"] = pa.array(table.shards, pa.int32())
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(arrays), temporary)


def read_captions(path: str | Path) -> CaptionTable:
    """Read a caption table and check it.

    Raises:
        ValueError: a column is missing, or `check_captions` refuses the content.
    """
    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a Parquet file: {error}") from error
    missing = {"key", "split", "caption", "shard"} - set(table.column_names)
    if missing:
        raise ValueError(
            f"{path} lacks the column(s) {', '.join(sorted(missing))}; found {table.column_names}"
        )
    numbers = (f"rewrite_{i}" for i in range(1, len(table.column_names)))
    rewrites = [table[name].to_pylist() for name in numbers if name in table.column_names]
    captions = CaptionTable(
        *(table[name].to_pylist() for name in ("key", "split", "caption")),
        rewrites,
        table["shard"].to_pylist(),
    )
    check_captions(captions, str(path))
    return captions


def read_shard_keys(path: str | Path, shards: range) -> list[str]:
    """Keys of the pairs of some consecutive shards, in order, from a caption table.

    Nothing else of the table is held in memory: many jobs read it, each for a few shards.
    """
    bounds = [("shard", ">=", shards.start), ("shard", "<", shards.stop)]
    return pq.read_table(path, columns=["key"], filters=bounds)["key"].to_pylist()


def check_captions(table: CaptionTable, name: str) -> None:
    """Check that the table is not empty, keys are unique, texts are texts and splits are known,
    and that shards follow one another.

    Raises:
        ValueError: naming `name`, the first row at fault, and what is expected.
    """
    if not table.keys:
        raise ValueError(f"{name} has no captions")
    columns = [table.splits, table.captions, *table.rewrites]
    if any(len(column) != len(table.keys) for column in [*columns, table.shards]):
        raise ValueError(f"{name}: columns of different lengths")
    if table.shards != sorted(table.shards):
        raise ValueError(f"{name}: the pairs of a shard do not lie together, in the shards' order")
    seen: set[str] = set()
    for row, key in enumerate(table.keys):
        if not key or key in seen:
            raise ValueError(f"{name}: key {key!r} in row {row} is empty or used before")
        seen.add(key)
        if table.splits[row] not in SPLITS:
            raise ValueError(
                f"{name}: split {table.splits[row]!r} of {key}; allowed: {', '.join(SPLITS)}"
            )
        if any(not isinstance(column[row], str) for column in columns):
            raise ValueError(f"{name}: a caption or rewrite of {key} is missing")


def encode_json(value: dict) -> bytes:
    """JSON as it lies in shards: UTF-8, sorted keys, one line."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()


def _iterate_shard(shard: str | Path) -> Iterator[Sample]:
    """Group a tar file's members by key: the name up to the first dot of its last part."""
    sample: Sample | None = None
    with tarfile.open(shard) as tar:
        for member in tar:
            tar.members = []  # tarfile keeps every member that it has read: without bound
            directory, _, name = member.name.rpartition("/")
            stem, dot, suffix = name.partition(".")
            if not member.isfile() or not stem or not dot:
                continue
            key, suffix = f"{directory}/{stem}" if directory else stem, suffix.lower()
            if sample is not None and sample.key != key:
                yield sample
                sample = None
            sample = sample or Sample(key, {})
            if suffix in sample.parts:
                raise ValueError(f"{shard} holds {member.name} twice")
            sample.parts[suffix] = tar.extractfile(member).read()
        # tarfile takes a damaged header, or a file that ends too early, for the end
        tar.fileobj.seek(tar.offset)
        if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"no file and no end of the archive at byte {tar.offset}")
    if sample is not None:
        yield sample
