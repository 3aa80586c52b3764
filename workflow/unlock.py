"""Removes the lock that a killed Snakemake left in this folder, unless a live one holds it.

A killed run can also leave jobs behind: they are stopped, or two would write the same file.
"""

import subprocess
import sys
from pathlib import Path

import psutil

LOCKS = Path(".snakemake/locks")


def find_processes(mark: str) -> list[psutil.Process]:
    """Processes that work in this folder and have `mark` in their command line."""
    here, found = Path.cwd(), []
    for process in psutil.process_iter():
        try:
            if process.pid != psutil.Process().pid and Path(process.cwd()) == here:
                found += [process] if any(mark in part for part in process.cmdline()) else []
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def main() -> int:
    if not LOCKS.is_dir() or not any(LOCKS.iterdir()):
        return 0
    running = find_processes("bin/snakemake")
    if running:
        print(f"Snakemake is running in this folder (process {running[0].pid}): wait for it.")
        return 1
    jobs = find_processes(".snakemake/scripts/")
    for job in jobs:
        job.terminate()
    for job in psutil.wait_procs(jobs, timeout=10)[1]:
        job.kill()
    left = f", and {len(jobs)} of its jobs, now stopped" if jobs else ""
    print(f"A run that was killed left its lock behind{left}; no process holds it: going on.")
    return subprocess.run([sys.executable, "-m", "snakemake", "--unlock", *sys.argv[1:]]).returncode


if __name__ == "__main__":
    sys.exit(main())
