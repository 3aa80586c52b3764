"""Shards that are there already, such as img2dataset's: read once, for a ledger of every sample.

They are used where they lie. A caption is the sample's `txt`, or else `caption` in its `json`.
"""

import hashlib
import io
import json
from collections.abc import Container
from pathlib import Path

import pyarrow as pa
from PIL import Image

from lib.corpus import IMAGE_FORMATS, Sample, find_image, iterate_samples
from lib.ledger import IMAGE, LEFT_OUT, ROW, write_ledger
from lib.progress import Progress
from lib.recode import ImageError, reasons_told

LEDGER = pa.schema([*ROW, *IMAGE])


def scan_shard(shard: str | Path, ledger: str | Path, keys: Container[str] | None = None) -> None:
    """Read a shard, decode its images, and write its ledger.

    Args:
        keys: only samples with these keys are taken; None takes all.

    Raises:
        ValueError: the shard is no whole tar file, or has no samples.
    """
    progress = Progress("scan", Path(shard).stat().st_size, "bytes")
    rows = []
    for number, sample in enumerate(iterate_samples([shard])):
        row = {"row": number, "key": sample.key, "caption": read_caption(sample)}
        is_chosen = keys is None or sample.key in keys
        rows.append(row | (examine(sample, row["caption"]) if is_chosen else LEFT_OUT))
        progress.advance(sum(map(len, sample.parts.values())))
    if not rows:
        raise ValueError(f"{shard} holds no samples")
    write_ledger(ledger, rows, LEDGER)


def read_caption(sample: Sample) -> str | None:
    """The caption of a sample; None if it has none that is text."""
    try:
        if "txt" in sample.parts:
            return sample.parts["txt"].decode()
        facts = json.loads(sample.parts.get("json", b"null"))
    except ValueError:
        return None
    caption = facts.get("caption") if isinstance(facts, dict) else None
    return caption if isinstance(caption, str) else None


def examine(sample: Sample, caption: str | None) -> dict:
    """What a ledger says of a sample: whether it is a pair, and its image."""
    suffix = find_image(sample)
    if suffix is None:
        return {"status": "failed", "error": "no_image"}
    content = sample.parts[suffix]
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        if not (caption or "").strip():
            raise ImageError("no_caption")
        width, height = measure(content)
    except ImageError as error:
        return facts | {"status": "failed", "error": error.reason}
    return facts | {"status": "success", "error": "", "width": width, "height": height}


def measure(content: bytes) -> tuple[int, int]:
    """Width and height of an image whose whole content can be decoded.

    A JPEG is decoded at an eighth of its resolution: that is faster, and its whole stream is read.

    Raises:
        ImageError: not_an_image, broken_image or too_many_pixels.
    """
    with reasons_told(), Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
        size = image.size
        image.draft(None, (1, 1))
        image.convert("RGB")
        return size
