"""Images from the web, turned into what a corpus holds: an RGB JPEG of bounded size.

What a file is, is seen in its bytes, not believed from its name or the server's word.
"""

import io
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
QUALITY = 95
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

    Only the first frame of an animation is taken. Transparent parts become white; 16-bit grey
    becomes 8-bit. Metadata is left behind.

    Args:
        size: the shorter side of the result in pixels; a smaller image stays as it is.
        max_pixels: of the image as it is stored; larger ones are refused before they are decoded.

    Raises:
        ImageError: not_an_image, broken_image or too_many_pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images and odd metadata
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > max_pixels:
                    raise ImageError("too_many_pixels")
                upright = _shrink(image, size)
    except UnidentifiedImageError as error:
        raise ImageError("not_an_image") from error
    except Image.DecompressionBombError as error:
        raise ImageError("too_many_pixels") from error
    except ImageError:
        raise
    except Exception as error:  # a damaged file can raise anything at all in a decoder
        raise ImageError("broken_image") from error
    stream = io.BytesIO()
    upright.save(stream, "JPEG", quality=QUALITY, comment=b"")  # or Pillow keeps the original's
    return Recoded(stream.getvalue(), *upright.size)


def _shrink(image: Image.Image, size: int) -> Image.Image:
    """The upright RGB image whose shorter side is at most `size`."""
    scale = size / min(image.size)
    target = tuple(max(1, round(side * scale)) for side in image.size)
    orientation = image.getexif().get(ORIENTATION)
    if scale < 1:
        image.draft("RGB", tuple(2 * side for side in target))  # JPEG: decode at a lower resolution
    rgb = _to_rgb(image)
    if scale < 1:
        rgb = rgb.resize(target, RESAMPLING, reducing_gap=2.0)
    if orientation is not None:
        rgb.getexif()[ORIENTATION] = orientation
        rgb = ImageOps.exif_transpose(rgb)
    return rgb


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel, of which convert() would cut the upper ones
        return Image.fromarray((np.asarray(image, np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
