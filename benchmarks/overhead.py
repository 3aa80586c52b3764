"""Measures which share of a study's time is the work itself, and which its overhead.

    python benchmarks/overhead.py [--configfile config.yaml] [--cores 2]

Runs the study once more, in a folder of results of its own (which must not exist), under the
clock, and leaves the page `overhead.md` there. The work is the CPU time of the jobs after their
start: each job's log ends with it (`lib.progress.start_log`). Everything else that the cores had
time for is overhead: Python's start and imports in every job, Snakemake's planning, scheduling and
report, and cores that wait.

Libraries that are imported late count as work. On a machine that does other things beside, cores
that wait for the study are those that do them: look at the shares of the CPU time.
"""

import argparse
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.download import describe_machine, format_table

ROOT = Path(__file__).resolve().parents[1]
CPU_TIME = re.compile(r" CPU time: ([\d.]+) s, of which ([\d.]+) s to start$", re.MULTILINE)
PAGE = """\
# How much of a study is overhead

Made by `benchmarks/overhead.py` on {today}, from a run of `{configfile}` on one machine: {machine}.

{jobs:,} jobs took {wall:.0f} s on {cores} cores: {available:.0f} s of cores, of which
**{work_share:.0%} went into the work itself**. A dry run (the whole plan) took {planning:.1f} s.

{shares}

*To start* is Python's own start, Snakemake's preamble and imports, up to the first line of a job's
log. By rule, in seconds of the CPU:

{rules}
"""


class Took(NamedTuple):
    """CPU time of some jobs, in seconds: to start, and after it."""

    jobs: int
    start: float
    work: float


class Clocked(NamedTuple):
    """What a command took, in seconds: on the clock, and of the CPU, with all that it started."""

    wall: float
    cpu: float


class Run(NamedTuple):
    """A study that was run.

    Attributes:
        took: by rule, from `read_logs`.
        whole: all of it, with Snakemake.
        planning: seconds of wall time of a dry run.
    """

    took: dict[str, Took]
    whole: Clocked
    planning: float

    @property
    def total(self) -> Took:
        """Of all rules."""
        return add_up(self.took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--configfile", default="config.yaml", help="the study's configuration")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path("results/overhead"))
    given = parser.parse_args()
    if (ROOT / given.results).exists():
        parser.error(f"{given.results} exists: expected a folder of results that is new")
    machine = describe_machine()
    run = run_study(given.configfile, given.cores, given.results)
    page = write_page(run, given.cores, configfile=given.configfile, machine=machine)
    (ROOT / given.results / "overhead.md").write_text(page)
    print(page)


def run_study(configfile: str, cores: int, results: Path) -> Run:
    """Plan a study, and run it, under the clock.

    Args:
        results: a new folder for its results, relative to the project's.
    """
    snakemake = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
    snakemake += ["--configfile", configfile, "--config"]
    snakemake += [f"results={results}", f"data={results / 'data'}"]
    planning, whole = clock([*snakemake, "--dry-run", "--quiet"]), clock(snakemake)
    return Run(read_logs(ROOT / results / "logs"), whole, planning.wall)


def clock(command: Sequence[str]) -> Clocked:
    """What a command takes, in the project's folder."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Clocked(time.monotonic() - started, cpu)


def read_logs(folder: Path) -> dict[str, Took]:
    """What the jobs of each rule took, by rule, the costliest first.

    Args:
        folder: of logs: `RULE.log` of a rule's only job, or `RULE/**/*.log`.

    Raises:
        ValueError: a log does not end as that of a job that has ended without an error.
    """
    jobs = defaultdict(list)
    for path in sorted(folder.rglob("*.log")):
        found = CPU_TIME.findall(path.read_text())
        if not found:
            raise ValueError(f"{path} does not tell the job's CPU time in its last line")
        whole, start = map(float, found[-1])
        jobs[path.relative_to(folder).with_suffix("").parts[0]].append((start, whole - start))
    took = {
        rule: Took(len(each), *map(sum, zip(*each, strict=True))) for rule, each in jobs.items()
    }
    return dict(sorted(took.items(), key=lambda item: -(item[1].start + item[1].work)))


def add_up(took: dict[str, Took]) -> Took:
    """Of all rules."""
    return Took(*map(sum, zip(*took.values(), strict=True)))


def write_page(run: Run, cores: int, **about: str) -> str:
    """The page: shares of the time that the cores had, and a row a rule."""
    available = cores * run.whole.wall
    return PAGE.format(
        today=date.today(),
        jobs=run.total.jobs,
        wall=run.whole.wall,
        cores=cores,
        available=available,
        work_share=run.total.work / available,
        planning=run.planning,
        shares=tabulate_shares(run, cores),
        rules=tabulate_rules(run.took),
        **about,
    )


def tabulate_shares(run: Run, cores: int) -> str:
    """What the cores did with their time, as a table."""
    available, total = cores * run.whole.wall, run.total
    snakemake = run.whole.cpu - total.start - total.work
    parts = {"work": total.work, "jobs, to start": total.start, "Snakemake": snakemake}
    rows = [
        [name, f"{seconds:.0f}", f"{seconds / available:.0%}", f"{seconds / run.whole.cpu:.0%}"]
        for name, seconds in parts.items()
    ]
    waited = available - run.whole.cpu
    rows.append(["waiting", f"{waited:.0f}", f"{waited / available:.0%}", ""])
    return format_table(["what the cores did", "s", "of their time", "of the CPU time"], rows)


def tabulate_rules(took: dict[str, Took]) -> str:
    """Seconds of the CPU by rule, as a table."""
    rows = [
        [f"`{rule}`", f"{each.jobs}", f"{each.start:.1f}", f"{each.work:.1f}"]
        for rule, each in took.items()
    ]
    return format_table(["rule", "jobs", "to start", "work"], rows)


if __name__ == "__main__":
    main()
