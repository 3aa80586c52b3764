"""The benchmark of overhead: what it reads of logs, and the shares that it makes of them."""

import sys

import pytest

from benchmarks.overhead import Clocked, Run, Took, clock, read_logs, write_page


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
    about = {"configfile": "config.yaml", "machine": "a machine"}
    page = write_page(Run(took, Clocked(60.0, 100.0), 2.5), 2, **about)
    assert "5 jobs took 60 s on 2 cores: 120 s of cores, of which\n**62% went into the work" in page
    assert "| work | 75 | 62% | 75% |" in page
    assert "| jobs, to start | 15 | 12% | 15% |" in page
    assert "| Snakemake | 10 | 8% | 10% |" in page
    assert "| waiting | 20 | 17% |  |" in page
    assert "| `train` | 2 | 10.0 | 60.0 |" in page


def test_a_command_is_clocked_with_all_that_it_starts():
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    program = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {burn!r}])"
    clocked = clock([sys.executable, "-c", f"{program}; time.sleep(0.2)"])
    assert clocked.cpu >= 0.3
    assert clocked.wall >= 0.5
