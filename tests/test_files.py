"""Files are whole or absent; progress tells rate and time left."""

import logging
import stat

import pytest

from lib.files import atomic_path, sha256
from lib.progress import Progress


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_is_one_rename_with_ordinary_permissions(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert stat.S_IMODE(path.stat().st_mode) & 0o400
    assert list(path.parent.iterdir()) == [path]


def test_sha256_is_that_of_the_content(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path).startswith("ba7816bf8f01cfea414140de5dae2223")


def test_progress_tells_rate_and_time_left():
    progress = Progress("train", total=1000, unit="pairs", done=100)
    progress.done = 300
    assert progress.describe(10.0) == "train: 300/1,000 pairs (30%), 20 pairs/s, 35 s left"


def test_progress_reports_at_the_end(caplog):
    caplog.set_level(logging.INFO)
    progress = Progress("train", total=2, unit="pairs")
    progress.advance(1)
    assert not caplog.records
    progress.advance(1, "loss 0.1")
    assert "2/2 pairs (100%)" in caplog.text
    assert "loss 0.1" in caplog.text
