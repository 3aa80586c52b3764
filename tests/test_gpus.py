"""A GPU for each job: never the same for two, whoever is killed, and in order."""

import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from lib import compat
from lib.gpus import hold_gpu

ROOT = Path(__file__).parents[1]
# A job: takes a GPU, says which, and does something with it that fails if another job is there.
JOB = """
import logging, sys, time
from lib.gpus import hold_gpu
logging.basicConfig(level=logging.INFO, format="%(message)s")
gpu = hold_gpu([f"gpu{n}" for n in range(int(sys.argv[1]))], sys.argv[2], interval=0.01)
print(gpu.index, flush=True)
"""
SHORT = """
from pathlib import Path
busy = Path(sys.argv[2], f"{gpu.index}.busy")
busy.touch(exist_ok=False)
time.sleep(0.05)
busy.unlink()
"""
LONG = """
time.sleep(60)
"""


def start(script, count, folder):
    """A job as a process of its own."""
    command = [sys.executable, "-c", script, str(count), str(folder)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_first_free_gpu_is_taken(tmp_path):
    names = ["a", "b", "c"]
    first, second, third = (hold_gpu(names, tmp_path / "locks") for _ in range(3))
    assert [gpu.index for gpu in (first, second, third)] == [0, 1, 2]
    second.lock.close()
    first.lock.close()
    assert hold_gpu(names, tmp_path / "locks").index == 0


def test_a_gpu_has_one_lock_under_whatever_position(tmp_path):
    """Two jobs that see different GPUs (CUDA_VISIBLE_DEVICES) agree on what they share."""
    held = hold_gpu(["b"], tmp_path)
    other = hold_gpu(["b", "c"], tmp_path)
    assert (held.index, other.index) == (0, 1)


def test_many_jobs_never_share_a_gpu(tmp_path):
    jobs = [start(JOB + SHORT, 3, tmp_path) for _ in range(12)]
    for job in jobs:
        output, errors = job.communicate(timeout=60)
        assert job.returncode == 0, errors
        assert output.strip() in {"0", "1", "2"}


def test_a_killed_job_frees_its_gpu_for_one_that_waits(tmp_path):
    holder = start(JOB + LONG, 1, tmp_path)
    waiting = None
    try:
        assert holder.stdout.readline() == "0\n"
        waiting = start(JOB, 1, tmp_path)
        assert "waits: other jobs hold all 1 GPUs" in waiting.stderr.readline()
        assert waiting.poll() is None
        holder.kill()
        assert waiting.communicate(timeout=30)[0] == "0\n"
    finally:
        for job in filter(None, (holder, waiting)):
            job.kill()
            job.communicate()


def test_no_gpu_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no GPU is visible"):
        hold_gpu([], tmp_path)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine that seems to have two GPUs, none of them in use."""
    chosen = []
    properties = [types.SimpleNamespace(uuid=f"uuid-{n}") for n in range(2)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(properties))
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties.__getitem__)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(compat, "lock_folder", lambda: tmp_path)
    compat._hold_visible_gpu.cache_clear()
    yield chosen
    compat._hold_visible_gpu.cache_clear()
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_a_process_keeps_the_gpu_that_it_was_given(machine, tmp_path, name):
    other = hold_gpu(["uuid-0"], tmp_path)
    devices = [compat.select_device(name), compat.select_device(name)]
    assert devices == machine == [torch.device("cuda", 1)] * 2
    other.lock.close()
    assert hold_gpu(["uuid-1", "uuid-0"], tmp_path).index == 1


def test_the_cpu_takes_no_gpu(machine, tmp_path):
    assert compat.select_device("cpu") == torch.device("cpu")
    assert list(tmp_path.iterdir()) == []
