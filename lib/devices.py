"""The device that a process computes on: the CPU, or a GPU of its own."""

import functools
import os

import torch

from lib.gpus import HeldGpu, hold_gpus, lock_folder


def select_device(name: str, index: int | None = None) -> torch.device:
    """The device that the config's `device` means: "auto" takes a GPU where there is one.

    A GPU is this process's own until it ends (`lib.gpus`): the call waits while all are taken. On
    it, deterministic algorithms are asked for: the same seeds give the same weights there. And its
    float32 is float32, not TF32, whose numbers have 11 bits instead of 24: convolutions would be
    computed in that by default, matrix products where an environment variable asks for it.

    Args:
        index: of a GPU that is held for this process already, among the visible ones.

    Raises:
        ValueError: "cuda" without a GPU that PyTorch can use, or an unknown name.
    """
    if not _wants_gpu(name):
        return torch.device("cpu")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    device = torch.device("cuda", _hold(1)[0].index if index is None else index)
    torch.cuda.set_device(device)
    return device


def hold_visible_gpus(name: str, count: int) -> list[str]:
    """Hold GPUs for this process and the program that it becomes: their CUDA_VISIBLE_DEVICES.

    Returns:
        Nothing where the config's `device` means the CPU.

    Raises:
        ValueError: as `select_device`, or there are fewer GPUs.
    """
    if not _wants_gpu(name):
        return []
    gpus = _hold(count)
    for gpu in gpus:
        os.set_inheritable(gpu.lock.fileno(), True)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else list(map(str, range(torch.cuda.device_count())))
    return [names[gpu.index] for gpu in gpus]


def _wants_gpu(name: str) -> bool:
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device is {name!r}, expected 'auto', 'cpu' or 'cuda'")
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise ValueError("device is 'cuda', but PyTorch finds no GPU here; use 'auto' or 'cpu'")
    return name != "cpu" and has_gpu


@functools.cache  # once a process: a second call would wait for the locks of the first
def _hold(count: int) -> list[HeldGpu]:
    """Some of the GPUs that CUDA_VISIBLE_DEVICES lets this process see."""
    visible = range(torch.cuda.device_count())
    uuids = [str(torch.cuda.get_device_properties(index).uuid) for index in visible]
    return hold_gpus(uuids, lock_folder(), count)
