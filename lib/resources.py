"""What a study took, by rule: from the benchmark files that Snakemake wrote while it ran.

A rule's benchmarks lie in `RULE.tsv` (one job) or below the folder `RULE` (a file a job); each file
tells of the last time that its job ran to its end.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TOTAL = "total"


class Asked(NamedTuple):
    """What a rule's jobs ask for at their first attempt: memory in MB, and GPUs."""

    mem_mb: int
    gpus: int


class Job(NamedTuple):
    """What one job took; None is what Snakemake could not measure, for the job was too short."""

    wall_s: float
    cpu_s: float | None
    peak_mb: float | None


def summarise_resources(folder: str | Path, asked: Mapping[str, Asked]) -> list[dict]:
    """A row a rule, in the order of `asked`, and a last one of all rules together.

    Times are sums over jobs, in seconds: of what ran side by side, too. `longest_s` is that of the
    longest job, `peak_mb` the memory of the largest. Rules of which nothing ran have no row.

    Args:
        folder: of the benchmark files.
        asked: for each rule that has benchmarks.
    """
    jobs = {rule: _read_jobs(Path(folder), rule) for rule in asked}
    rows = [
        _summarise(rule, jobs[rule])
        | {"asked_mb": mem_mb, "gpu_hours": _gpu_hours(jobs[rule], gpus)}
        for rule, (mem_mb, gpus) in asked.items()
        if jobs[rule]
    ]
    total = _summarise(TOTAL, [job for each in jobs.values() for job in each])
    # the largest job of one rule tells nothing of what others asked for
    total |= {"peak_mb": None, "asked_mb": None}
    return [*rows, total | {"gpu_hours": round(sum(row["gpu_hours"] for row in rows), 4)}]


def _read_jobs(folder: Path, rule: str) -> list[Job]:
    jobs = []
    for path in sorted([*folder.glob(f"{rule}.tsv"), *folder.glob(f"{rule}/**/*.tsv")]):
        with open(path, newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                measured = (_number(row[key]) for key in ("cpu_time", "max_rss"))
                jobs.append(Job(float(row["s"]), *measured))
    return jobs


def _number(text: str) -> float | None:
    return None if text == "NA" else float(text)


def _summarise(rule: str, jobs: list[Job]) -> dict:
    peaks = [job.peak_mb for job in jobs if job.peak_mb is not None]
    return {
        "rule": rule,
        "jobs": len(jobs),
        "wall_s": round(sum(job.wall_s for job in jobs), 1),
        "longest_s": round(max((job.wall_s for job in jobs), default=0.0), 1),
        "cpu_s": round(sum(job.cpu_s or 0.0 for job in jobs), 1),
        "peak_mb": round(max(peaks)) if peaks else None,
    }


def _gpu_hours(jobs: list[Job], gpus: int) -> float:
    return round(gpus * sum(job.wall_s for job in jobs) / 3600, 4)
