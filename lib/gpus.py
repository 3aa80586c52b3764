"""GPUs of a machine for each job: whoever computes on a GPU holds a lock on it.

Snakemake runs as many GPU jobs side by side as `--resources gpu=N` lets through, but gives none of
them a device: all would meet on the first. So a job takes the first GPUs whose locks are free, and
holds them until its process ends, however it ends: the kernel frees the locks of a killed one. If
too few are free, the job waits, and holds none: two jobs on one GPU could both run out of its
memory, and two that keep what they have while they wait could wait for each other.

Where SLURM has given a job its GPUs, those are all that the job sees, and no other job locks them.
"""

import fcntl
import logging
import os
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

logger = logging.getLogger(__name__)


class HeldGpu(NamedTuple):
    """A GPU of one's own, for as long as `lock` stays open: its position among the visible ones."""

    index: int
    lock: IO[bytes]


def hold_gpus(
    names: Sequence[str], folder: str | Path, count: int = 1, interval: float = 1.0
) -> list[HeldGpu]:
    """Hold the first free GPUs; wait while there are fewer than `count`.

    Args:
        names: of the visible GPUs, in order; the same in all jobs, such as their UUIDs.
        folder: of the lock files, on a disk of this machine; made if need be. The files stay: one
            that was removed could be locked beside its successor.
        interval: seconds between two looks at all locks, give or take a half.

    Raises:
        ValueError: fewer GPUs are visible.
    """
    if len(names) < count:
        raise ValueError(f"{len(names)} GPUs are visible, expected at least {count}")
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_told = False
    while not (held := _try_to_hold(names, folder, count)):
        if not is_told:
            logger.info(
                "waits for %d of %d GPUs: other jobs hold them (locks in %s)",
                *(count, len(names), folder),
            )
            is_told = True
        time.sleep(interval * random.uniform(0.5, 1.5))  # two that wait look at different times
    for gpu in held:
        logger.info("takes GPU %d of %d (%s)", gpu.index, len(names), names[gpu.index])
    return held


def lock_folder() -> Path:
    """Where this user's jobs on this machine lock GPUs."""
    return Path(tempfile.gettempdir(), f"feature-purity-gpus-{os.getuid()}")


def _try_to_hold(names: Sequence[str], folder: Path, count: int) -> list[HeldGpu]:
    """The first free GPUs, or none at all if they are too few."""
    held: list[HeldGpu] = []
    for index, name in enumerate(names):
        lock = _try_lock(folder / f"{name}.lock")
        if lock is not None:
            held.append(HeldGpu(index, lock))
        if len(held) == count:
            return held
    for gpu in held:
        gpu.lock.close()
    return []


def _try_lock(path: Path) -> IO[bytes] | None:
    """The open file if its lock was free, else None."""
    stream = open(path, "ab")  # noqa: SIM115 (the lock lasts as long as the file is open)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    return stream
