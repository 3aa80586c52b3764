"""Downstream datasets as others keep them, brought into the form of `lib.datasets`.

Files of images are taken as they are, byte by byte; where a dataset holds arrays, or hands out
decoded pixels alone, they are stored as PNG.
"""

import io
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

# isort: split
import torchvision.datasets
from filelock import FileLock
from open_clip import IMAGENET_CLASSNAMES
from PIL import Image

from lib.corpus import IMAGE_SUFFIXES, Sample, decode_rgb, write_shard
from lib.image_folder import list_classes, list_images
from lib.progress import Progress

STALL = 60  # seconds that a download may stand still; torchvision would wait for ever


class Source(NamedTuple):
    """A dataset as it was found: its class names, and (image or its file, class number) by row."""

    classes: list[str]
    images: Sequence[tuple[Path | Image.Image, int]]


def open_folder(path: str | Path) -> Source:
    """An image folder; raises ValueError as `lib.image_folder.list_images` does."""
    return Source(list_classes(path), list_images(path))


def open_torchvision(entry: dict, root: str | Path, download: bool) -> Source:
    """A dataset of the registry, which torchvision reads (and downloads), checksums included.

    Args:
        entry: of the registry.
        root: the folder that torchvision's class takes.
        download: whether to download it where it is not there yet.

    Raises:
        ValueError: it is not there, cannot be downloaded, fails torchvision's checks, or has
            another number of images or classes than the registry says.
    """
    expected = f"expected under it: {', '.join(entry['files'])}, from {entry['home']}"
    try:
        images = _construct(entry, root, download)
        classes = _choose_names(entry["names"], images)
    except (AttributeError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{entry['name']} cannot be read from {root}: {error}; {expected}"
        ) from error
    found = len(images), len(classes)
    if found != (entry["images"], entry["classes"]):
        raise ValueError(
            f"{entry['name']} in {root} has {found[0]} images of {found[1]} classes, expected "
            f"{entry['images']} of {entry['classes']}; remove what an interrupted download left"
        )
    return Source(classes, images)


def write_source(source: Source, shard: str | Path) -> None:
    """Write all images with their class numbers as one shard.

    Raises:
        ValueError: an image cannot be read, or its file has an unknown suffix.
    """
    write_shard(shard, _iterate_samples(source))


def _construct(entry: dict, root: str | Path, download: bool) -> Sequence:
    """torchvision's dataset; one whose class opens files hands out their paths instead."""
    if not hasattr(torchvision.datasets, entry["class"]):
        raise ValueError(f"torchvision.datasets has no class {entry['class']!r}")
    make = getattr(torchvision.datasets, entry["class"])
    if download:
        Path(root).mkdir(parents=True, exist_ok=True)
        socket.setdefaulttimeout(STALL)
        with FileLock(Path(root, ".download.lock")):  # two jobs may want the same files
            dataset = make(root, **entry["arguments"], download=True)
    else:
        dataset = make(root, **entry["arguments"])
    if hasattr(dataset, "loader"):
        dataset.loader = Path
    return dataset


def _choose_names(names: str | list[str], dataset: Sequence) -> list[str]:
    """Class names as the registry has it: a list, open_clip's, or an attribute of the dataset."""
    if names == "imagenet":
        return list(IMAGENET_CLASSNAMES)
    return list(names if isinstance(names, list) else getattr(dataset, names))


def _iterate_samples(source: Source) -> Iterator[Sample]:
    total = len(source.images)
    progress = Progress("storing images", total, "images")
    for row in range(total):
        try:
            image, label = source.images[row]
            suffix, content = _encode(image)
        except (OSError, ValueError) as error:
            raise ValueError(f"image {row + 1} of {total} cannot be read: {error}") from error
        yield Sample(f"{row:07d}", {suffix: content, "cls": str(int(label)).encode()})
        progress.advance(1)


def _encode(image: Path | Image.Image) -> tuple[str, bytes]:
    """Suffix and bytes of an image: those of its file where it is known, else PNG."""
    path = image if isinstance(image, Path) else getattr(image, "filename", "")
    if not path:
        stream = io.BytesIO()
        image.save(stream, "PNG", compress_level=1)
        return "png", stream.getvalue()
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in IMAGE_SUFFIXES:
        raise ValueError(f"{path} ends in none of {', '.join(IMAGE_SUFFIXES)}")
    content = Path(path).read_bytes()
    try:
        decode_rgb(content)  # here its name is known; later a damaged file is a number in a shard
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    return suffix, content
