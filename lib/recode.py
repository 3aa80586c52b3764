"""Images from the web, turned into what a corpus holds: an RGB JPEG of bounded size.

What a file is, is seen in its bytes, not believed from its name or the server's word.
"""

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from lib.corpus import IMAGE_FORMATS, Sample, encode_json, to_rgb

QUALITY = 95
MAX_SIDE = 65_500  # pixels, of a JPEG that libjpeg writes
# Nearly as sharp as bicubic, and closer to it than averaging areas, at two thirds of its time.
RESAMPLING = Image.Resampling.HAMMING
ORIENTATION = 0x0112  # the EXIF tag


class ImageError(ValueError):
    """An image that cannot be used; `reason` is the word for it in a ledger."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Recoded(NamedTuple):
    """JPEG bytes, and the width and height of the image in them."""

    data: bytes
    width: int
    height: int


def recode(data: bytes, size: int, max_pixels: int) -> Recoded:
    """Decode an image, turn it upright, shrink it and encode it as JPEG.

    Only the first frame of an animation is taken. Transparent parts become white. 16-bit grey
    becomes 8-bit by its upper bits. 32-bit grey says nowhere how bright white is: values up to 255
    stay as they are, larger ones are taken for 16-bit grey (and clipped to it). Metadata is left
    behind.

    Args:
        size: the shorter side of the result in pixels; a smaller image stays as it is.
        max_pixels: of the image as it is stored; larger ones are refused before they are decoded.

    Raises:
        ImageError: not_an_image, broken_image, too_many_pixels, or too_long for a JPEG.
    """
    stream = io.BytesIO()
    with reasons_told():
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise ImageError("too_many_pixels")
            upright = _shrink(image, size)
        if max(upright.size) > MAX_SIDE:
            raise ImageError("too_long")
        upright.save(stream, "JPEG", quality=QUALITY, comment=b"")  # or the original's is kept
    return Recoded(stream.getvalue(), *upright.size)


@contextmanager
def reasons_told() -> Iterator[None]:
    """Whatever goes wrong with an image in a block is raised as an ImageError, with its reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images and odd metadata
            yield
    except UnidentifiedImageError as error:
        raise ImageError("not_an_image") from error
    except Image.DecompressionBombError as error:
        raise ImageError("too_many_pixels") from error
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # a damaged file can raise anything at all in a decoder
        raise ImageError("broken_image") from error


def recode_pair(
    row: dict, content: bytes, facts: Sequence[str], size: int, max_pixels: int
) -> tuple[dict, Sample | None]:
    """Complete a row of a ledger by its image: the row, and its sample if it is a success.

    Args:
        row: with key, caption, and what else is named in `facts`.
        content: the file or body as it came.
        facts: columns of the row that the sample's JSON repeats.
        size, max_pixels: as `recode` takes them.
    """
    row = row | {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        image = recode(content, size, max_pixels)
    except ImageError as error:
        return row | {"status": "failed", "error": error.reason}, None
    row |= {"status": "success", "error": "", "width": image.width, "height": image.height}
    told = encode_json({name: row[name] for name in facts})
    parts = {"jpg": image.data, "txt": row["caption"].encode(), "json": told}
    return row, Sample(row["key"], parts)


def _shrink(image: Image.Image, size: int) -> Image.Image:
    """The upright RGB image whose shorter side is at most `size`."""
    scale = size / min(image.size)
    target = tuple(max(1, round(side * scale)) for side in image.size)
    if scale < 1:
        image.draft("RGB", tuple(2 * side for side in target))  # JPEG: decode at a lower resolution
    rgb = _lay_on_white(image)
    orientation = image.getexif().get(ORIENTATION)  # now: Pillow turns a TIFF as it decodes it
    if scale < 1:
        rgb = rgb.resize(target, RESAMPLING, reducing_gap=2.0)
    if orientation is not None:
        rgb.getexif()[ORIENTATION] = orientation
        rgb = ImageOps.exif_transpose(rgb)
    return rgb


def _lay_on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data or image.mode.startswith("I"):
        return to_rgb(image)
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")
