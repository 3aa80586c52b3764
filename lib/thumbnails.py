"""Contact sheets: many small images in one file, each once."""

import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageOps

from lib.files import atomic_path

COLUMNS = 128  # tiles in a row of a sheet; the page's script cuts them out again
QUALITY = 80
_MOST_PIXELS = 16383  # WebP's largest side


def most_tiles(size: int) -> int:
    """How many tiles of `size` pixels one sheet can hold."""
    return COLUMNS * (_MOST_PIXELS // size)


def make_sheet(images: Iterable[Image.Image], size: int) -> bytes:
    """A WebP file with one tile of size x size pixels for each image, row by row.

    Images are scaled and cropped at their centre; the last row is filled up with white.

    Raises:
        ValueError: there is no image, or there are more than `most_tiles`.
    """
    tiles = [
        ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BICUBIC)
        for image in images
    ]
    if not 1 <= len(tiles) <= most_tiles(size):
        raise ValueError(
            f"a sheet of tiles of {size} pixels holds 1 to {most_tiles(size)}, found {len(tiles)}"
        )
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * size, rows * size), "white")
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        sheet.paste(tile, (column * size, row * size))
    stream = io.BytesIO()
    sheet.save(stream, "webp", quality=QUALITY, method=2)
    return stream.getvalue()


def write_sheet(path: str | Path, images: Iterable[Image.Image], size: int) -> None:
    """Write `make_sheet`'s file, whole or not at all."""
    content = make_sheet(images, size)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
