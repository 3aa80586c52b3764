"""Shards made of image files: every row of the table has its row in the ledger."""

import errno
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import webdataset
from PIL import Image

from lib.corpus import iterate_samples
from lib.gather import Entry, gather_shard, read_entries
from lib.ledger import read_ledger
from lib.recode import recode
from tests.hostile_server import BODIES, JPEG

SIZE, MAX_PIXELS = 96, 10**6
# path and caption of a row, and the reason why it gives no pair
CASES = [
    ("good.jpg", "a cat", ""),
    ("sub/deep.png", "a dog", ""),
    ("none.jpg", "a cat", "missing_file"),
    ("sub", "a cat", "unreadable_file"),
    ("../outside.jpg", "a cat", "outside_root"),
    ("/etc/hostname", "a cat", "outside_root"),
    ("page.jpg", "a cat", "not_an_image"),
    ("truncated.jpg", "a cat", "broken_image"),
    ("bomb.png", "a cat", "too_many_pixels"),
    ("long.png", "a cat", "too_long"),
    ("script.jpg", "a cat", "not_an_image"),
    ("good.jpg", " ", "no_caption"),
    ("good.jpg", None, "no_caption"),
    ("", "a cat", "unreadable_file"),
    ("sub/../rotated.jpg", "the same way up, é", ""),
]
ENTRIES = [Entry(100 + n, caption, path) for n, (path, caption, _) in enumerate(CASES)]


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    (root / "sub").mkdir(parents=True)
    for name, body in BODIES.items():
        (root / name).write_bytes(body)
    (root / "sub/deep.png").write_bytes(BODIES["deep.png"])
    (tmp_path / "outside.jpg").write_bytes(JPEG)
    return root


def gather(folder, images, keys=None):
    gather_shard(ENTRIES, images, folder / "0.tar", folder / "0.parquet", SIZE, MAX_PIXELS, keys)
    return list(iterate_samples([folder / "0.tar"])), read_ledger(folder / "0.parquet")


def test_a_disk_that_fails_is_not_the_fault_of_a_file(tmp_path, images, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="Input/output error"):
        gather(tmp_path, images)
    assert list(tmp_path.glob("0.*")) == []


def test_every_row_has_its_row_with_the_right_reason(tmp_path, images):
    _, rows = gather(tmp_path, images)
    assert [row["error"] for row in rows] == [error for *_, error in CASES]
    for entry, row in zip(ENTRIES, rows, strict=True):
        assert row["status"] == ("failed" if row["error"] else "success")
        assert (row["row"], row["key"]) == (entry.row, f"{entry.row:010d}")
        assert (row["caption"], row["path"]) == (entry.caption, entry.path)


def test_the_shard_holds_what_a_download_would_have_made(tmp_path, images):
    samples, rows = gather(tmp_path, images)
    successes = [row for row in rows if not row["error"]]
    assert [sample.key for sample in samples] == [row["key"] for row in successes]
    for (_, parts), row in zip(samples, successes, strict=True):
        content = (images / row["path"]).read_bytes()
        expected = recode(content, SIZE, MAX_PIXELS)
        assert parts["jpg"] == expected.data
        assert parts["txt"].decode() == row["caption"]
        facts = json.loads(parts["json"])
        assert facts == {name: row[name] for name in facts}
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert (row["bytes"], row["width"]) == (len(content), expected.width)


def test_rows_that_no_key_names_are_left_out(tmp_path, images):
    samples, rows = gather(tmp_path, images, {"0000000101", "0000000102"})
    assert [sample.key for sample in samples] == ["0000000101"]
    assert [row["status"] for row in rows] == ["left_out", "success", "failed"] + ["left_out"] * 12


def test_the_same_table_gives_the_same_bytes(tmp_path, images):
    contents = []
    for name in "ab":
        (tmp_path / name).mkdir()
        gather(tmp_path / name, images)
        contents.append([(tmp_path / name / each).read_bytes() for each in ("0.tar", "0.parquet")])
    assert contents[0] == contents[1]


def test_webdataset_reads_the_shard(tmp_path, images):
    samples, _ = gather(tmp_path, images)
    dataset = webdataset.WebDataset(str(tmp_path / "0.tar"), shardshuffle=False).decode("pilrgb")
    for sample, (image, text, facts) in zip(
        samples, dataset.to_tuple("jpg", "txt", "json"), strict=True
    ):
        assert np.array_equal(image, Image.open(io.BytesIO(sample.parts["jpg"])))
        assert (text, facts["key"]) == (facts["caption"], sample.key)


def test_entries_are_rows_of_the_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("title,size,file\na cat,1,1.jpg\na dog,2,2.jpg\n,3,3.jpg\n")
    assert read_entries(path, "file", "title", 1, 2) == [
        Entry(1, "a dog", "2.jpg"),
        Entry(2, "", "3.jpg"),
    ]
