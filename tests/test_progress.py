"""Logs of long work: what a line says, how often one comes, and what an error leaves behind."""

import logging
import re
import subprocess
import sys

import pytest

from lib.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it: `clock.now += 10`."""

    class Clock:
        now = 0.0

    monkeypatch.setattr("lib.progress.time.monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="lib.progress")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("done_before", "line"),
    [
        (0, "pairs read: 1,500/6,000 pairs (25%), 50 pairs/s, 90 s left"),
        (900, "pairs read: 2,400/6,000 pairs (40%), 50 pairs/s, 72 s left"),
    ],
)
def test_a_line_tells_rate_and_time_left_of_this_process(clock, lines, done_before, line):
    progress = Progress("pairs read", 6000, "pairs", done=done_before)
    clock.now += 30
    progress.advance(1500)
    assert lines() == [line]


def test_lines_come_at_most_once_per_interval_and_at_the_end(clock, lines):
    progress = Progress("work", 10, "steps", interval=4.0)
    for step in range(10):
        clock.now += 1
        progress.advance(1, f"loss {step}")
    assert [line.partition(", loss ")[2] for line in lines()] == ["3", "7", "9"]


def test_work_that_takes_no_time_has_a_line(clock, lines):
    Progress("work", 3, "steps").advance(3)
    assert lines()[0].endswith(" 0 s left")


def test_an_error_leaves_its_traceback_in_the_log_and_on_stderr(tmp_path, root):
    log = tmp_path / "rule.log"
    code = f"from lib.progress import start_log; start_log({str(log)!r}); 1 / 0"
    process = subprocess.run([sys.executable, "-c", code], cwd=root, stderr=subprocess.PIPE)
    assert process.returncode == 1
    for text in (log.read_text(), process.stderr.decode()):
        assert "Traceback" in text
        assert text.strip().endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("path", "job"),
    [
        ("results/logs/pretrain_model/clip.log", "pretrain_model/clip"),
        ("/data/logs/finetune_heads/a.b/random_Cs80.log", "finetune_heads/a.b/random_Cs80"),
        ("rule.log", "rule"),
        ("logs/100%.log", "100%"),
    ],
)
def test_a_line_on_stderr_names_its_job(tmp_path, root, path, job):
    log = tmp_path / path.removeprefix("/")
    log.parent.mkdir(parents=True, exist_ok=True)
    code = (
        "import logging; from lib.progress import start_log; "
        f"start_log({str(log)!r}); logging.getLogger().info('at work')"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert re.match(rf"\d\d:\d\d:\d\d {re.escape(job)}: at work\n", process.stderr)
    assert re.match(r"\S+ \S+ at work\n", log.read_text())


def test_the_log_ends_with_the_cpu_time_of_start_and_whole(tmp_path, root):
    log = tmp_path / "rule.log"
    burn = "t = time.process_time()\nwhile time.process_time() < t + 0.2: pass\n"
    start = f"from lib.progress import start_log\nstart_log({str(log)!r})\n"
    code = f"import time\n{burn}{start}{burn}"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
    *_, line = log.read_text().splitlines()
    whole, to_start = re.search(r" CPU time: (\S+) s, of which (\S+) s to start$", line).groups()
    assert 0.2 <= float(to_start) <= float(whole) - 0.19
