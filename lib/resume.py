"""States from which long training goes on after it was stopped: by a signal, or by a crash.

A job keeps its states in a folder of its own and holds the lock of that folder until its process
ends, however it ends. On SIGTERM, which SLURM sends to a job that it preempts or that ran out of
time, training finishes its step, saves its state and ends the process; after a `kill -9` it goes on
from the last state that was saved by itself. A state is everything that later steps depend on, so
the weights at the end are those of training that was never stopped.

Of several processes that train together the first alone locks the folder and saves; all of them
read, and end after the same step.
"""

import hashlib
import json
import logging
import pickle
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from filelock import FileLock, Timeout

from lib.distributed import ALONE, Group
from lib.files import atomic_path

logger = logging.getLogger(__name__)

INTERVAL = 60.0  # seconds of training between two states
MAX_SHARE = 0.05  # of the time may go into saving: large states on slow disks are saved less often
TERMINATED = 128 + signal.SIGTERM  # the exit status that a shell reports of a terminated process


class Training(Protocol):
    """Training between two steps: `history` of its whole epochs, `losses` of the one begun.

    Its state dict holds tensors, numbers and strings in lists and dicts, and nothing else.
    """

    history: list[dict]
    losses: list[float]

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, content: dict[str, Any]) -> None: ...


class StateFolder:
    """The folder in which one job keeps its states, locked for as long as this object lives.

    The lock is the operating system's (`flock`) on the file `lock` in the folder: a process that is
    gone holds none. The file stays: if it were removed, two processes could hold a lock each.

    Args:
        folder: made if it does not exist. Half-written states of a killed process are removed.
        wait: seconds to wait for the lock. A job that is started again may find that the process
            before it is still ending: SLURM gives it 30 seconds (KillWait) unless told otherwise.
        group: the processes that train together.

    Attributes:
        is_stopping: whether this process was told that training shall end after its step.

    Raises:
        TimeoutError: another process held the lock all the time; the message names it.
        OSError: the file system has no such locks.
    """

    def __init__(self, folder: str | Path, wait: float = 60.0, group: Group = ALONE) -> None:
        self.path = Path(folder)
        self.group = group
        self.is_stopping = False
        if self.is_written_here:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _take_lock(self.path / "lock", wait)
            for partial in self.path.glob(".*.partial*"):
                partial.unlink()

    @property
    def is_written_here(self) -> bool:
        """Whether this process is the one that saves."""
        return self.group.rank == 0

    def stop(self, *_: object) -> None:
        """Have training end after its step; a handler of signals."""
        self.is_stopping = True

    def shall_stop(self) -> bool:
        """Whether training shall end here: all shall if one of the group was told so."""
        return self.group.any(self.is_stopping)

    def clear(self) -> None:
        """Remove the states: what was made of them is written."""
        for state in self.path.glob("*.pt"):
            state.unlink()


class NoState:
    """Where the state of training goes that is not kept."""

    def load(self, training: Training) -> None:
        """Begin at the start."""

    def keep(self, training: Training) -> None:
        """Go on."""

    def save(self, training: Training) -> None:
        """Go on."""


class StateFile:
    """The state of one training, in a file.

    Args:
        folder: where it lies, and who is told to stop.
        name: of the file, without its suffix.
        fingerprint: of all that decides the training (see `make_fingerprint`).
    """

    def __init__(self, folder: StateFolder, name: str, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        self.path = folder.path / f"{name}.pt"
        self._due = time.monotonic() + INTERVAL

    def load(self, training: Training) -> None:
        """Take over the state that was saved, if one was and it has the same fingerprint."""
        if not self.path.exists():
            return
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:  # cut off by a crash
            reason = type(error).__name__
            logger.warning(
                "%s cannot be read (%s): ignored, training from the start", self.path, reason
            )
            return
        if content["fingerprint"] != self.fingerprint:
            logger.info(
                "%s is of other settings, data or code: ignored, training from the start", self.path
            )
            return
        training.load_state_dict(content["training"])
        logger.info("going on after %s, found in %s", _describe_place(training), self.path)

    def keep(self, training: Training) -> None:
        """After a step: save if training shall end, or if the last state is `INTERVAL` old."""
        self._save(training, is_due=time.monotonic() >= self._due)

    def save(self, training: Training) -> None:
        """Save the state.

        Raises:
            SystemExit: the state is saved and training shall end; with the status `TERMINATED`.
        """
        self._save(training, is_due=True)

    def _save(self, training: Training, is_due: bool) -> None:
        shall_stop = self.folder.shall_stop()
        if (is_due or shall_stop) and self.folder.is_written_here:
            self._write(training)
        if shall_stop:
            place = _describe_place(training)
            logger.warning("told to stop: ends after %s; the next run goes on from there", place)
            raise SystemExit(TERMINATED)

    def _write(self, training: Training) -> None:
        started = time.monotonic()
        content = {"fingerprint": self.fingerprint, "training": training.state_dict()}
        with atomic_path(self.path) as temporary:
            torch.save(content, temporary)
        ended = time.monotonic()
        self._due = ended + max(INTERVAL, (ended - started) / MAX_SHARE)
        logger.info(
            "saved the state after %s in %.2f s", _describe_place(training), ended - started
        )


def hold_states(folder: str | Path, group: Group = ALONE) -> StateFolder:
    """The folder of this process's states: locked until it ends, and told to stop by a signal.

    By SIGTERM, which a cluster sends, and by SIGINT, which Ctrl-C sends to all jobs of a terminal.
    """
    states = StateFolder(folder, group=group)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, states.stop)
    logger.info("states are kept in %s; SIGTERM ends training after its step", states.path)
    return states


def make_fingerprint(settings: Any, arrays: Iterable[np.ndarray] = ()) -> str:
    """Hash of all that decides a training, for states of any other not to be taken over.

    Args:
        settings: what JSON can hold.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _take_lock(path: Path, wait: float) -> FileLock:
    # A lock that is a mere file, which FileLock would fall back to, outlives a killed process.
    lock = FileLock(path, timeout=wait, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise TimeoutError(
            f"{path} was held by another process for {wait:g} seconds: two copies of a job are "
            "running, expected one"
        ) from None
    except OSError as error:
        reason = f"{error.strerror}; expected a file system with locks (flock)"
        raise OSError(error.errno, reason, str(path)) from error
    return lock


def _describe_place(training: Training) -> str:
    begun = f" and {len(training.losses)} steps" if training.losses else ""
    return f"epoch {len(training.history)}{begun}"
