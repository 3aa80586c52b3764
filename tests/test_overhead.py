"""The benchmark of overhead: what it reads of logs, and the shares that it makes of them."""

import pytest

from benchmarks.overhead import Took, read_logs, write_page


def write_log(path, whole, start, more=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    line = f"2026-01-01 12:00:00,000 CPU time: {whole} s, of which {start} s to start\n"
    path.write_text(f"12:00 works\n{more}{line}")


def test_logs_are_added_up_by_rule(tmp_path):
    write_log(tmp_path / "evaluate/a/b.log", 1.5, 0.5)
    write_log(tmp_path / "evaluate/c.log", 2.0, 0.25)
    write_log(tmp_path / "draw.log", 9.0, 1.0)
    took = read_logs(tmp_path)
    assert took == {"draw": Took(1, 1.0, 8.0), "evaluate": Took(2, 0.75, 2.75)}
    assert list(took) == ["draw", "evaluate"]


def test_a_log_without_its_last_line_is_an_error(tmp_path):
    (tmp_path / "draw.log").write_text("12:00 works\nKilled\n")
    with pytest.raises(ValueError, match=r"draw\.log does not tell"):
        read_logs(tmp_path)


def test_shares_are_of_the_time_of_all_cores():
    took = {"train": Took(2, 10.0, 60.0), "plot": Took(3, 5.0, 15.0)}
    page = write_page(took, 50.0, 2.5, 2, configfile="config.yaml", machine="a machine")
    assert "**75% went into the work itself**" in page
    assert "5 jobs took 50 s on 2 cores: 100 s of cores" in page
    assert "| jobs, to start | 15 | 15% |" in page
    assert "| the rest | 10 | 10% |" in page
    assert "| `train` | 2 | 10.0 | 60.0 |" in page
