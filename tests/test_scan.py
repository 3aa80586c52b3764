"""Shards of others: every sample has its row, and what is called a success can be decoded."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from lib.corpus import Sample, decode_image, encode_json, write_shard
from lib.ledger import read_ledger
from lib.recode import ImageError
from lib.scan import measure, scan_shard
from tests.hostile_server import BODIES, HEIGHT, JPEG, WIDTH

CAPTION = "ein grüner Hund"
TEXT = {"txt": CAPTION.encode()}
# the parts of a sample, its caption, and the reason why it is no pair
CASES = {
    "good": ({"jpg": JPEG} | TEXT, CAPTION, ""),
    "upper": ({"png": BODIES["good.png"], "json": b"{"} | TEXT, CAPTION, ""),
    "webp": ({"webp": BODIES["good.webp"]} | TEXT, CAPTION, ""),
    "json": ({"jpg": JPEG, "json": encode_json({"caption": CAPTION})}, CAPTION, ""),
    "mislabelled": ({"png": JPEG} | TEXT, CAPTION, ""),
    "nothing": ({"jpg": JPEG}, None, "no_caption"),
    "blank": ({"jpg": JPEG, "txt": b" \n"}, " \n", "no_caption"),
    "null": ({"jpg": JPEG, "json": encode_json({"caption": None})}, None, "no_caption"),
    "list": ({"jpg": JPEG, "json": b"[1]"}, None, "no_caption"),
    "half": ({"jpg": JPEG, "json": b'{"caption": "a'}, None, "no_caption"),
    "latin": ({"jpg": JPEG, "txt": "grün".encode("latin-1")}, None, "no_caption"),
    "words": (TEXT, CAPTION, "no_image"),
    "page": ({"jpg": BODIES["page.jpg"]} | TEXT, CAPTION, "not_an_image"),
    "script": ({"jpg": BODIES["script.jpg"]} | TEXT, CAPTION, "not_an_image"),
    "empty": ({"jpg": b""} | TEXT, CAPTION, "not_an_image"),
    "cut": ({"jpg": BODIES["truncated.jpg"]} | TEXT, CAPTION, "broken_image"),
    "bomb": ({"png": BODIES["bomb.png"]} | TEXT, CAPTION, "too_many_pixels"),
}


@pytest.fixture
def shard(tmp_path):
    write_shard(tmp_path / "0.tar", (Sample(key, parts) for key, (parts, *_) in CASES.items()))
    return tmp_path / "0.tar"


def test_every_sample_has_its_row_with_the_right_reason(tmp_path, shard):
    scan_shard(shard, tmp_path / "0.parquet")
    rows = read_ledger(tmp_path / "0.parquet")
    assert [(row["row"], row["key"]) for row in rows] == list(enumerate(CASES))
    for row, (parts, caption, error) in zip(rows, CASES.values(), strict=True):
        assert (row["caption"], row["error"]) == (caption, error)
        assert row["status"] == ("failed" if error else "success")
        if not error:
            [content] = [part for name, part in parts.items() if name not in ("txt", "json")]
            assert (row["bytes"], row["width"], row["height"]) == (len(content), WIDTH, HEIGHT)
            assert row["sha256"] == hashlib.sha256(content).hexdigest()


def test_samples_that_no_key_names_are_left_out(tmp_path, shard):
    scan_shard(shard, tmp_path / "0.parquet", {"json", "cut"})
    rows = read_ledger(tmp_path / "0.parquet")
    found = {row["key"]: row["status"] for row in rows if row["status"] != "left_out"}
    assert found == {"json": "success", "cut": "failed"}
    assert [row["caption"] for row in rows] == [caption for _, caption, _ in CASES.values()]


def test_a_shard_without_samples_is_an_error(tmp_path):
    write_shard(tmp_path / "0.tar", [])
    with pytest.raises(ValueError, match=r"0\.tar holds no samples"):
        scan_shard(tmp_path / "0.tar", tmp_path / "0.parquet")


def encode(mode, form, **options):
    pixels = np.random.default_rng(0).integers(256, size=(90, 120, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {}), ("RGB", {"progressive": True}), ("L", {}), ("CMYK", {"restart_marker_rows": 1})],
)
def test_a_jpeg_that_is_cut_anywhere_is_judged_as_decoding_it_whole_does(mode, options):
    content = encode(mode, "JPEG", **options)
    refused = 0
    for end in [*range(0, len(content), 131), len(content) - 2, len(content)]:
        sample = Sample("a", {"jpg": content[:end]})
        try:
            expected = decode_image(sample, "0.tar").size
        except ValueError:
            refused += 1
            with pytest.raises(ImageError):
                measure(content[:end])
        else:
            assert measure(content[:end]) == expected
    assert refused > 20
