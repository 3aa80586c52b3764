"""What differs from machine to machine: torchvision's operators, and the device to compute on.

torchvision's operators come compiled against CUDA only; beside a CPU build of PyTorch they do not
load, and `import torchvision` stops with "operator torchvision::nms does not exist". Declaring
the schemas of the operators is all that the import needs (nothing here computes boxes). Import
this module before torchvision, timm or open_clip.
"""

import functools
import importlib.util
from pathlib import Path

import torch

from lib.gpus import HeldGpu, hold_gpu, lock_folder

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _declare_missing_operators() -> torch.library.Library | None:
    """Declare the schemas unless the compiled operators load; the result must be kept alive."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return None
    for compiled in Path(found.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(compiled)
            return None
        except OSError:
            continue
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    return library


torchvision_library = _declare_missing_operators()


def select_device(name: str) -> torch.device:
    """The device that the config's `device` means: "auto" takes a GPU where there is one.

    A GPU is this process's own until it ends (`lib.gpus`): the call waits while all are taken. On
    it, deterministic algorithms are asked for: the same seeds give the same weights there.

    Raises:
        ValueError: "cuda" without a GPU that PyTorch can use, or an unknown name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device is {name!r}, expected 'auto', 'cpu' or 'cuda'")
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise ValueError("device is 'cuda', but PyTorch finds no GPU here; use 'auto' or 'cpu'")
    if name == "cpu" or not has_gpu:
        return torch.device("cpu")
    torch.use_deterministic_algorithms(True, warn_only=True)
    device = torch.device("cuda", _hold_visible_gpu().index)
    torch.cuda.set_device(device)
    return device


@functools.cache  # once a process: a second call would wait for the lock of the first
def _hold_visible_gpu() -> HeldGpu:
    """One of the GPUs that CUDA_VISIBLE_DEVICES lets this process see."""
    count = torch.cuda.device_count()
    uuids = [str(torch.cuda.get_device_properties(index).uuid) for index in range(count)]
    return hold_gpu(uuids, lock_folder())
