"""Measures sides of a comparison, each run in a process of its own, taking turns.

A side is a function of a module of `benchmarks` that prepares its inputs and returns the action to
be measured; the action returns what it found, so that sides can be shown to agree. Run as a script,
this module is that process: it prints a `Cost` as JSON.
"""

import importlib
import json
import logging
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

logger = logging.getLogger(__name__)

PEERS = ROOT / "results/peers/clip/bin/python"  # made by `benchmarks/suite.py --setup`
THREADS = 2
MIB = 2**20


class Side(NamedTuple):
    """What is to be measured: `function` of module `benchmarks.{module}`, with these arguments.

    `repeats` runs are made in one process, after an uncounted one if there are several. `python` is
    another interpreter for a peer that has an environment of its own.
    """

    module: str
    function: str
    arguments: dict[str, Any]
    repeats: int = 1
    python: Path | None = None

    def is_available(self) -> bool:
        """Whether its interpreter is there."""
        return self.python is None or self.python.exists()


class Cost(NamedTuple):
    """What a run took.

    Attributes:
        seconds: the median of the repeats, of wall time.
        peak: MiB of the process at most.
        above: MiB at most above what it held (imports and inputs) before the action.
        found: what the action returned.
        first: seconds of the process' first run, which pays for new memory and for caches.
    """

    seconds: float
    peak: float
    above: float
    found: Any
    first: float


def compare(sides: dict[str, Side], rounds: int, in_process: bool = False) -> dict[str, list[Cost]]:
    """Costs of all sides that are available, by name, a run a round; they take turns.

    Args:
        in_process: run them here: quick, but memory is that of all before, too.
    """
    costs: dict[str, list[Cost]] = {name: [] for name, side in sides.items() if side.is_available()}
    for _ in range(rounds):
        for name in costs:
            costs[name].append(measure(sides[name], in_process))
            logger.info("%s: %s", name, _describe(costs[name][-1]))
    return costs


def measure(side: Side, in_process: bool = False) -> Cost:
    """Run a side once.

    Raises:
        RuntimeError: its process failed; with the end of what it said.
    """
    if in_process:
        return measure_here(side)
    arguments = [side.module, side.function, json.dumps(side.arguments), str(side.repeats)]
    command = [str(side.python or sys.executable), str(Path(__file__)), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{side.module}.{side.function} failed:\n{done.stderr[-3000:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def measure_here(side: Side) -> Cost:
    """Run a side in this process."""
    prepare = getattr(importlib.import_module(f"benchmarks.{side.module}"), side.function)
    action = prepare(**side.arguments)
    before = _read_memory("VmRSS")
    _forget_peak()
    seconds, found = [], None
    for _ in range(side.repeats + (side.repeats > 1)):
        started = time.perf_counter()
        found = action()
        seconds.append(time.perf_counter() - started)
    peak = _read_memory("VmHWM")
    counted = statistics.median(seconds[-side.repeats :])
    return Cost(counted, peak, max(peak - before, 0.0), found, seconds[0])


def median_seconds(costs: Sequence[Cost]) -> float:
    """Of all rounds."""
    return statistics.median(cost.seconds for cost in costs)


def median_ratio(slow: Sequence[Cost], fast: Sequence[Cost]) -> float:
    """How many times as long `slow` took as `fast`: the median of the rounds' ratios."""
    ratios = (one.seconds / other.seconds for one, other in zip(slow, fast, strict=True))
    return statistics.median(ratios)


def time_action(action: Callable[[], Any]) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _describe(cost: Cost) -> str:
    return f"{cost.seconds:.3g} s, {cost.peak:.0f} MiB (+{cost.above:.0f})"


def _read_memory(name: str) -> float:
    """MiB of this process; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    found = re.search(rf"^{name}:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    return int(found.group(1)) * 1024 / MIB if found else 0.0


def _forget_peak() -> None:
    """Let VmHWM begin anew, so that it is the action's own."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        logger.warning("the system keeps the peak of memory of what came before")


if __name__ == "__main__":
    module, function, arguments, repeats = sys.argv[1:]
    cost = measure_here(Side(module, function, json.loads(arguments), int(repeats)))
    print(json.dumps(cost._asdict()))
