"""Released checkpoints: fetched from a URL, or by a tag under which open_clip knows them.

A file comes whole or not at all. What is fetched is only read as weights, never executed
(`lib.checkpoints`), whoever serves it.
"""

import hashlib
import logging
import math
import shutil
import urllib.request
from pathlib import Path

import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

# isort: split
import open_clip

from lib.files import atomic_path, sha256
from lib.progress import Progress

logger = logging.getLogger(__name__)

CHUNK = 1 << 20  # bytes
TIMEOUT = 60  # seconds without a byte
PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")


def fetch(source: dict[str, str], path: str | Path) -> None:
    """Have a checkpoint at `path`: one that is there and is the right one is kept.

    Args:
        source: `url` and `sha256`, or `architecture` and `tag` of open_clip.

    Raises:
        ValueError: there is no such tag, or what came is another file.
        OSError: the checkpoint cannot be had now.
    """
    path, expected = Path(path), source.get("sha256")
    if path.exists() and (expected is None or sha256(path) == expected.lower()):
        logger.info("%s is there already", path)
    elif "url" in source:
        fetch_url(source["url"], path, source["sha256"])
    else:
        fetch_tag(source["architecture"], source["tag"], path)


def fetch_url(url: str, path: str | Path, expected: str) -> None:
    """Download a checkpoint.

    Raises:
        ValueError: what came has another SHA-256 than expected.
        OSError: the server cannot be reached, or refuses, or stops answering.
    """
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response, atomic_path(path) as temporary:
        length = response.headers.get("Content-Length")
        size = int(length) if length else math.inf  # not every server tells
        progress = Progress(f"download of {path}", size, "bytes")
        with open(temporary, "wb") as stream:
            while chunk := response.read(CHUNK):
                stream.write(chunk)
                digest.update(chunk)
                progress.advance(len(chunk))
        if length and progress.done < size:
            raise OSError(f"{url} ended after {progress.done:,} of {size:,} bytes")
        if digest.hexdigest() != expected.lower():
            raise ValueError(
                f"{url} gave {progress.done:,} bytes of type {response.headers.get_content_type()} "
                f"with the SHA-256 {digest.hexdigest()}, expected is {expected}"
            )


def fetch_tag(architecture: str, tag: str, path: str | Path) -> None:
    """Download the checkpoint of one of open_clip's tags.

    What has come of it stays in a folder beside `path` until all is there, so that another attempt
    goes on from it.

    Raises:
        ValueError: open_clip has no such tag for the architecture.
        OSError: the checkpoint cannot be had now.
    """
    path = Path(path)
    cache = path.with_name(f".{path.name}.partial")
    settings = _find_tag(architecture, tag)
    try:
        fetched = Path(open_clip.download_pretrained(settings, cache_dir=str(cache)))
    except (RuntimeError, ValueError) as error:
        raise OSError(f"{architecture}, {tag}: {error}") from error
    fetched.resolve().replace(path)  # in the cache it is a link to the file of its content's name
    shutil.rmtree(cache)


def apply_tag(architecture: dict, name: str, tag: str) -> dict:
    """An architecture under the preprocessing and the activation that a tag was trained with.

    Args:
        architecture: open_clip's own, of this name.

    Raises:
        ValueError: open_clip has no such tag for the architecture.
    """
    settings = _find_tag(name, tag)
    return architecture | {
        "quick_gelu": settings.get("quick_gelu", False),
        "preprocess_cfg": {key: settings[key] for key in PREPROCESSING},
    }


def _find_tag(architecture: str, tag: str) -> dict:
    """What open_clip knows of a tag: where the checkpoint lies and how it was trained."""
    settings = open_clip.get_pretrained_cfg(architecture, tag)
    if not settings:
        known = open_clip.list_pretrained_tags_by_model(architecture)
        raise ValueError(
            f"open_clip has no checkpoint {tag!r} of {architecture}; "
            f"known are {', '.join(known) or 'none'}"
        )
    return settings
