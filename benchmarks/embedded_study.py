"""What the embedded study spends on starting, beside what it computes; read from a finished run."""

import csv
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import ROOT, time_action
from benchmarks.settings import Row, Settings, tell

TABLE = ROOT / "results/tables/resources.csv"


def measure_rows(settings: Settings, table: Path = TABLE, config: str = "config.yaml") -> list[Row]:
    """The time of planning, and the jobs that a finished run tells of."""
    if settings.in_process:
        planning = float("nan")
    else:
        command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--configfile", config]
        planning = time_action(
            lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        )
    measured, notes = f"planned in {planning:.1f} s", []
    holds = f"{tell(planning <= 3)} (planning); start-up: after `make run`"
    if table.exists():
        rows = list(csv.DictReader(table.open()))
        jobs = sum(int(row["jobs"]) for row in rows if row["rule"] != "total")
        seconds = sum(float(row["wall_s"]) for row in rows if row["rule"] != "total")
        notes.append(
            f"{jobs} jobs with a benchmark took {seconds:.0f} s, side by side on as many cores as "
            "there were."
        )
    return [
        Row(
            "the embedded study",
            "its own sum of useful compute",
            "start-up, import and scheduling under 25% of the wall time; DAG planned in 3 s",
            measured,
            holds,
            notes or ["No finished run is there: `make run` makes one."],
        )
    ]
