"""The device that a process computes on: the CPU, or a GPU of its own."""

import functools
import logging
import os
import re
from collections.abc import Sequence

import torch

from lib.gpus import HeldGpu, hold_gpus, lock_folder

logger = logging.getLogger(__name__)


def select_device(name: str, index: int | None = None) -> torch.device:
    """The device that the config's `device` means: "auto" takes a GPU where there is one.

    A GPU is this process's own until it ends (`lib.gpus`): the call waits while all are taken. On
    it, deterministic algorithms are asked for: the same seeds give the same weights there. And its
    float32 is float32, not TF32, whose numbers have 11 bits instead of 24: convolutions would be
    computed in that by default, matrix products where an environment variable asks for it.

    Args:
        index: of a GPU that is held for this process already, among the visible ones.

    Raises:
        ValueError: an unknown name, or "cuda" where PyTorch finds no GPU, or was not built for one
            of the visible ones.
    """
    if not _wants_gpu(name):
        return torch.device("cpu")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Nothing here reads memory before it writes it, and each fill is a kernel more.
    torch.utils.deterministic.fill_uninitialized_memory = False
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
    if name == "cpu":
        return False
    problem = _find_problem()
    if problem is None:
        return True
    if name == "cuda":
        raise ValueError(f"device is 'cuda', but {problem}; use 'auto' or 'cpu'")
    logger.info("computes on the CPU: %s", problem)
    return False


def _find_problem() -> str | None:
    """What keeps PyTorch from the visible GPUs, if anything does."""
    if not torch.cuda.is_available():
        return "PyTorch finds no GPU here"
    built = torch.cuda.get_arch_list()  # `is_available` says yes to GPUs that are not among them
    for index in _visible_gpus():
        if not is_supported(torch.cuda.get_device_capability(index), built):
            gpu = torch.cuda.get_device_name(index)
            return (
                f"this build of PyTorch ({', '.join(built)}) does not support GPU {index}, {gpu} "
                "(CUDA_VISIBLE_DEVICES can name the others)"
            )
    return None


def is_supported(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether a GPU runs what was compiled for some architectures.

    Binary code ("sm_86") runs on GPUs of its major and no lower minor number, intermediate code
    ("compute_86") on all that are not older (CUDA C++ Programming Guide, "Compute Capability").

    Args:
        capability: of the GPU, major and minor.
        architectures: as `torch.cuda.get_arch_list` tells them. Where none is CUDA's, there is
            nothing to go by, and the GPU counts as supported.
    """
    found = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", each) for each in architectures]
    built = [(match[1], (int(match[2]), int(match[3]))) for match in found if match]
    return not built or any(
        least <= capability and (kind == "compute" or least[0] == capability[0])
        for kind, least in built
    )


def _visible_gpus() -> range:
    return range(torch.cuda.device_count())


@functools.cache  # once a process: a second call would wait for the locks of the first
def _hold(count: int) -> list[HeldGpu]:
    """Some of the GPUs that CUDA_VISIBLE_DEVICES lets this process see."""
    uuids = [str(torch.cuda.get_device_properties(index).uuid) for index in _visible_gpus()]
    return hold_gpus(uuids, lock_folder(), count)
