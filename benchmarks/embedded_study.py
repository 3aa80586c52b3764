"""What the embedded study spends on starting, planning and waiting, beside what it computes."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import ROOT, THREADS, time_action
from benchmarks.overhead import add_up, read_logs, run_study, tabulate_rules, tabulate_shares
from benchmarks.settings import Row, Settings, tell

CONFIG = "config.yaml"
LOGS = ROOT / "results/logs"
RESULTS = Path("results/clocked")  # of the study that is run under the clock, then removed
OVERHEAD = 0.25  # of the cores' time may be no work
PLANNING = 3  # seconds
SHOWN = 8  # rules of which the time is told


def measure_rows(settings: Settings) -> list[Row]:
    """In full the study is run anew, under the clock; otherwise a finished run's logs are read."""
    if settings.size == "full":
        return [_measure_run()]
    if settings.in_process:
        return [_make_row("", "not measured: smoke", [])]
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--configfile", CONFIG]
    planning = time_action(
        lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    )
    measured, notes = f"planned in {planning:.1f} s", ["No finished run: `make run` makes one."]
    holds = f"{tell(planning <= PLANNING)} (planning)"
    if LOGS.exists():
        took = read_logs(LOGS)
        total = add_up(took)
        share = total.start / (total.start + total.work)
        measured += f"; {share:.0%} of the CPU time of all jobs to start"
        holds += f", {tell(share <= OVERHEAD)} (start-up)"
        notes = [
            f"{total.jobs} jobs: {total.work:.0f} s of CPU time after the start, {total.start:.0f} "
            "s to start (Python, Snakemake's preamble, imports). Snakemake's own planning, "
            f"scheduling and report come on top. The {SHOWN} rules that take most:",
            tabulate_rules(dict(list(took.items())[:SHOWN])),
        ]
    return [_make_row(measured, holds, notes)]


def _measure_run() -> Row:
    shutil.rmtree(ROOT / RESULTS, ignore_errors=True)
    run = run_study(CONFIG, THREADS, RESULTS)
    shutil.rmtree(ROOT / RESULTS)
    overhead = 1 - run.total.work / (THREADS * run.whole.wall)
    measured = f"{overhead:.0%} of the cores' time is no work; planned in {run.planning:.1f} s"
    notes = [
        f"{run.total.jobs} jobs in {run.whole.wall:.0f} s on {THREADS} cores. *To start* is "
        "Python's own start, Snakemake's preamble and imports, up to the first line of a job's "
        "log; *waiting* is that of cores with nothing to do, and of the disk.",
        tabulate_shares(run, THREADS),
        f"The {SHOWN} rules that take most, in seconds of the CPU:",
        tabulate_rules(dict(list(run.took.items())[:SHOWN])),
    ]
    holds = tell(overhead <= OVERHEAD and run.planning <= PLANNING)
    return _make_row(measured, holds, notes)


def _make_row(measured: str, holds: str, notes: list[str]) -> Row:
    return Row(
        "the embedded study",
        "its own sum of useful compute",
        "start-up, import and scheduling under 25% of the wall time; DAG planned in 3 s",
        measured,
        holds,
        notes,
    )
