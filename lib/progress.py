"""Logs of long work: where it stands, how fast it goes, how long it will take."""

import atexit
import gc
import logging
import os
import sys
import time
from pathlib import Path

logger = logging.getLogger(__name__)


def start_log(path: str | Path) -> None:
    """Send log records, and the traceback of whatever ends the process, to `path` and to stderr.

    On stderr, where jobs mix, each line names its job, as the path does: "pretrain_model/clip".

    Of several processes of one job (torchrun numbers them), the first reports; the others add what
    goes wrong in them. Without an error, the last line tells the CPU time of the process, and how
    much of it went before this call, into starting Python and importing
    (`benchmarks/overhead.py` reads it).
    """
    rank = os.environ.get("RANK")
    file, stream = logging.FileHandler(path, mode="a" if rank else "w"), logging.StreamHandler()
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    job = name_job(path).replace("%", "%%")
    stream.setFormatter(logging.Formatter(f"%(asctime)s {job}: %(message)s", datefmt="%H:%M:%S"))
    level = logging.INFO if rank in (None, "0") else logging.ERROR
    logging.basicConfig(level=level, handlers=[file, stream], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_error
    # What is left dies with the process: collecting it takes a third as long as PyTorch's import.
    atexit.register(gc.freeze)
    atexit.register(_log_cpu_time, to_start=time.process_time())


def name_job(path: str | Path) -> str:
    """What is behind the folder `logs` in the path of a log, without its suffix."""
    parts = Path(path).with_suffix("").parts
    return "/".join(parts[parts.index("logs") + 1 :] if "logs" in parts else parts[-1:])


class Progress:
    """Logs `label: done/total unit, rate, time left` at most once per `interval` seconds.

    Args:
        label: what is being done.
        total: how much there is to do, in `unit`; infinity where nobody knows.
        done: how much had been done before this process began (it does not count for the rate).
    """

    def __init__(
        self, label: str, total: float, unit: str, done: int = 0, interval: float = 10.0
    ) -> None:
        self.label, self.total, self.unit, self.interval = label, total, unit, interval
        self.done = self.done_before = done
        self.started = self.reported = time.monotonic()

    def advance(self, amount: int, note: str = "") -> None:
        """Count `amount` more as done; `note` (a loss, say) ends the line, if one is due."""
        self.done += amount
        now = time.monotonic()
        if self.done >= self.total or now - self.reported >= self.interval:
            self.reported = now
            logger.info("%s%s", self.describe(now - self.started), f", {note}" if note else "")

    def describe(self, elapsed: float) -> str:
        """The line for `elapsed` seconds of work."""
        rate = (self.done - self.done_before) / max(elapsed, 1e-9)
        left = (self.total - self.done) / max(rate, 1e-9)
        share = 100 * self.done / max(self.total, 1)
        return (
            f"{self.label}: {self.done:,}/{self.total:,} {self.unit} ({share:.0f}%), "
            f"{rate:,.0f} {self.unit}/s, {left:.0f} s left"
        )


def _log_error(*error) -> None:
    logger.critical("%s", error[1], exc_info=error)
    atexit.unregister(_log_cpu_time)  # the error is the end of the log


def _log_cpu_time(to_start: float) -> None:
    logger.info("CPU time: %.2f s, of which %.2f s to start", time.process_time(), to_start)
