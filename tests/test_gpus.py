"""A GPU for each job: never the same for two, whoever is killed, and in order."""

import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from lib import devices
from lib.gpus import hold_gpus

ROOT = Path(__file__).parents[1]
# A job: takes a GPU, says which, and does something with it that fails if another job is there.
JOB = """
import logging, sys, time
from lib.gpus import hold_gpus
logging.basicConfig(level=logging.INFO, format="%(message)s")
gpu = hold_gpus([f"gpu{n}" for n in range(int(sys.argv[1]))], sys.argv[2], interval=0.01)[0]
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
    first, second, third = (hold_gpus(names, tmp_path / "locks")[0] for _ in range(3))
    assert [gpu.index for gpu in (first, second, third)] == [0, 1, 2]
    second.lock.close()
    first.lock.close()
    assert hold_gpus(names, tmp_path / "locks")[0].index == 0


def test_a_gpu_has_one_lock_under_whatever_position(tmp_path):
    """Two jobs that see different GPUs (CUDA_VISIBLE_DEVICES) agree on what they share."""
    (held,) = hold_gpus(["b"], tmp_path)
    (other,) = hold_gpus(["b", "c"], tmp_path)
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
        assert "waits for 1 of 1 GPUs: other jobs hold them" in waiting.stderr.readline()
        assert waiting.poll() is None
        holder.kill()
        assert waiting.communicate(timeout=30)[0] == "0\n"
    finally:
        for job in filter(None, (holder, waiting)):
            job.kill()
            job.communicate()


def test_a_job_that_waits_for_several_holds_none(tmp_path):
    """Or two of them could wait for each other for ever."""
    (one,) = hold_gpus(["gpu0", "gpu1"], tmp_path)
    waiting = start(JOB.replace("interval", "count=2, interval"), 2, tmp_path)
    try:
        assert "waits for 2 of 2 GPUs: other jobs hold them" in waiting.stderr.readline()
        (other,) = hold_gpus(["gpu1"], tmp_path)  # at once: it is free
        other.lock.close()
        one.lock.close()
        assert waiting.communicate(timeout=30)[0] == "0\n"
    finally:
        waiting.kill()
        waiting.communicate()


@pytest.mark.parametrize(("names", "count"), [([], 1), (["a"], 2)])
def test_too_few_gpus_are_an_error(tmp_path, names, count):
    expected = f"{len(names)} GPUs are visible, expected at least {count}"
    with pytest.raises(ValueError, match=expected):
        hold_gpus(names, tmp_path, count)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine that seems to have two GPUs, none of them in use."""
    chosen = []
    properties = [types.SimpleNamespace(uuid=f"uuid-{n}") for n in range(2)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(properties))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties.__getitem__)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(devices, "lock_folder", lambda: tmp_path)
    devices._hold.cache_clear()
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    torch.backends.cuda.matmul.allow_tf32 = True
    yield chosen
    torch.backends.cuda.matmul.allow_tf32 = False
    devices._hold.cache_clear()
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_a_process_keeps_the_gpu_that_it_was_given(machine, tmp_path, name):
    (other,) = hold_gpus(["uuid-0"], tmp_path)
    selected = [devices.select_device(name), devices.select_device(name)]
    assert selected == machine == [torch.device("cuda", 1)] * 2
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    other.lock.close()
    assert hold_gpus(["uuid-1", "uuid-0"], tmp_path)[0].index == 1


@pytest.mark.parametrize(("visible", "names"), [(None, ["1", "2"]), ("5,7,8", ["7", "8"])])
def test_processes_that_train_together_hold_a_gpu_each(
    machine, tmp_path, monkeypatch, visible, names
):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    uuids = [types.SimpleNamespace(uuid=f"uuid-{n}") for n in range(3)]
    monkeypatch.setattr(torch.cuda, "get_device_properties", uuids.__getitem__)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible) if visible else monkeypatch.delenv(
        "CUDA_VISIBLE_DEVICES", raising=False
    )
    (other,) = hold_gpus(["uuid-0"], tmp_path)
    assert devices.hold_visible_gpus("auto", 2) == names
    other.lock.close()
    assert hold_gpus(["uuid-1", "uuid-0", "uuid-2"], tmp_path)[0].index == 1
    assert devices.hold_visible_gpus("cpu", 2) == []
    assert devices.select_device("auto", 1) == torch.device("cuda", 1)


@pytest.mark.parametrize(
    ("capability", "architectures", "expected"),
    [
        ((9, 0), ["sm_75", "sm_90"], True),
        ((8, 9), ["sm_75", "sm_86"], True),  # binary code runs on later ones of its generation
        ((8, 0), ["sm_75", "sm_86"], False),
        ((7, 0), ["sm_75", "sm_80", "compute_80"], False),
        ((12, 0), ["sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),  # the driver compiles
        ((10, 3), ["sm_100f"], True),
        ((9, 4), ["gfx90a", "gfx942"], True),  # ROCm's names say nothing here
        ((9, 0), [], True),
    ],
)
def test_a_gpu_is_supported_by_a_build_that_has_code_for_it(capability, architectures, expected):
    assert devices.is_supported(capability, architectures) is expected


def test_a_gpu_that_pytorch_was_not_built_for_is_not_taken(machine, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_90"])
    monkeypatch.setattr(torch.cuda, "get_device_capability", [(9, 0), (6, 1)].__getitem__)
    monkeypatch.setattr(torch.cuda, "get_device_name", ["NVIDIA H100", "GeForce 1080"].__getitem__)
    problem = (
        r"this build of PyTorch \(sm_75, sm_90\) does not support GPU 1, GeForce 1080 "
        r"\(CUDA_VISIBLE_DEVICES can name the others\)"
    )
    with pytest.raises(ValueError, match=f"device is 'cuda', but {problem}; use 'auto' or 'cpu'"):
        devices.select_device("cuda")
    with caplog.at_level("INFO"):
        assert devices.select_device("auto") == torch.device("cpu")
    assert re.search(f"computes on the CPU: {problem}", caplog.text)
    assert list(tmp_path.iterdir()) == []


def test_the_cpu_takes_no_gpu(machine, tmp_path):
    assert devices.select_device("cpu") == torch.device("cpu")
    assert list(tmp_path.iterdir()) == []
