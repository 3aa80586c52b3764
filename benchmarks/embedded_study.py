"""What the embedded study spends on starting, beside what it computes; read from a finished run."""

import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import ROOT, time_action
from benchmarks.overhead import read_logs
from benchmarks.settings import Row, Settings, format_table, tell

LOGS = ROOT / "results/logs"
LIMIT = 0.25  # of the time may go into all that is no work


def measure_rows(settings: Settings, logs: Path = LOGS, config: str = "config.yaml") -> list[Row]:
    """The time of planning, and the shares of CPU time that the logs of a finished run tell."""
    planning = float("nan")
    if not settings.in_process:
        command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--configfile", config]
        planning = time_action(
            lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        )
    measured, notes = (
        f"planned in {planning:.1f} s",
        ["No finished run is there: `make run` makes one."],
    )
    holds = f"{tell(planning <= 3)} (planning)"
    if logs.exists() and not settings.in_process:
        took = read_logs(logs)
        start, work = (
            sum(getattr(each, name) for each in took.values()) for name in ("start", "work")
        )
        share = start / (start + work)
        measured += f"; {share:.0%} of the CPU time of all jobs to start"
        holds += f", {tell(share <= LIMIT)} (start-up)"
        costliest = sorted(took.items(), key=lambda item: -item[1].start)[:8]
        rows = [
            [f"`{rule}`", f"{each.jobs}", f"{each.start:.1f}", f"{each.work:.1f}"]
            for rule, each in costliest
        ]
        notes = [
            f"{sum(each.jobs for each in took.values())} jobs: {work:.0f} s of CPU time after the "
            f"start, {start:.0f} s to start (Python, Snakemake's preamble, imports). Snakemake's "
            "own planning, scheduling and report come on top: `python benchmarks/overhead.py` runs "
            "the study under the clock. The rules that spend most on starting:",
            format_table(["rule", "jobs", "to start, s", "work, s"], rows),
        ]
    return [
        Row(
            "the embedded study",
            "its own sum of useful compute",
            "start-up, import and scheduling under 25% of the wall time; DAG planned in 3 s",
            measured,
            holds,
            notes,
        )
    ]
