"""One GPU of a machine for each job: whoever computes on a GPU holds a lock on it.

Snakemake runs as many GPU jobs side by side as `--resources gpu=N` lets through, but gives none of
them a device: all would meet on the first. So a job takes the first GPU whose lock is free, and
holds it until its process ends, however it ends: the kernel frees the lock of a killed one. If
every GPU is taken, the job waits: two on one GPU could both run out of its memory.

Where SLURM has given a job its GPU, that is the only one the job sees, and no other job locks it.
"""

import fcntl
import logging
import os
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


def hold_gpu(names: Sequence[str], folder: str | Path, interval: float = 1.0) -> HeldGpu:
    """Hold the first free GPU; wait while there is none.

    Args:
        names: of the visible GPUs, in order; the same in all jobs, such as their UUIDs.
        folder: of the lock files, on a disk of this machine; made if need be. The files stay: one
            that was removed could be locked beside its successor.
        interval: seconds between two looks at all locks.

    Raises:
        ValueError: there are no GPUs.
    """
    if not names:
        raise ValueError("no GPU is visible, expected at least one")
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_told = False
    while True:
        for index, name in enumerate(names):
            lock = _try_lock(folder / f"{name}.lock")
            if lock is not None:
                logger.info("takes GPU %d of %d (%s)", index, len(names), name)
                return HeldGpu(index, lock)
        if not is_told:
            logger.info("waits: other jobs hold all %d GPUs (locks in %s)", len(names), folder)
            is_told = True
        time.sleep(interval)


def lock_folder() -> Path:
    """Where this user's jobs on this machine lock GPUs."""
    return Path(tempfile.gettempdir(), f"feature-purity-gpus-{os.getuid()}")


def _try_lock(path: Path) -> IO[bytes] | None:
    """The open file if its lock was free, else None."""
    stream = open(path, "ab")  # noqa: SIM115 (the lock lasts as long as the file is open)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    return stream
