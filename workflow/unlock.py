"""Removes the lock that a killed Snakemake left in this folder, unless a live one holds it.

A killed run can also leave jobs behind: they are stopped, or two would write the same file.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

LOCKS = Path(".snakemake/locks")


def find_processes(is_wanted: Callable[[Sequence[str]], bool]) -> list[psutil.Process]:
    """Other processes that work in this folder and whose command line is wanted."""
    here, found = Path.cwd(), []
    for process in psutil.process_iter():
        try:
            is_other = process.pid != psutil.Process().pid
            if is_other and Path(process.cwd()) == here and is_wanted(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def is_snakemake(command: Sequence[str]) -> bool:
    """Whether a command line starts Snakemake, as a program or as a module."""
    return any(Path(part).name == "snakemake" for part in command[:3])


def is_job(command: Sequence[str]) -> bool:
    """Whether a command line runs the script of a job."""
    return any(".snakemake/scripts/" in part for part in command)


def main() -> int:
    if not LOCKS.is_dir() or not any(LOCKS.iterdir()):
        return 0
    running = find_processes(is_snakemake)
    if running:
        print(f"Snakemake is running in this folder (process {running[0].pid}): wait for it.")
        return 1
    jobs = find_processes(is_job)
    for job in jobs:
        job.terminate()
    for job in psutil.wait_procs(jobs, timeout=10)[1]:
        job.kill()
    left = f", and {len(jobs)} of its jobs, now stopped" if jobs else ""
    print(f"A run that was killed left its lock behind{left}; no process holds it: going on.")
    return subprocess.run([sys.executable, "-m", "snakemake", "--unlock", *sys.argv[1:]]).returncode


if __name__ == "__main__":
    sys.exit(main())
