"""torchvision, timm and open_clip, imported in a way that works beside any PyTorch, and fast.

Import this module before any of the three.

torchvision's operators come compiled against CUDA only; beside a CPU build of PyTorch they do not
load, and `import torchvision` stops with "operator torchvision::nms does not exist". Declaring the
schemas of the operators is all that the import needs (nothing here computes boxes).

As they are imported, torchvision takes one function from PyTorch's compiler, and timm has it leave
one method alone. For that the compiler would be loaded, which takes longer than all else that they
import. Nothing is compiled here, so they get stand-ins.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_COMPILER = "torch._dynamo"


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


@contextmanager
def _compiler_left_out() -> Iterator[None]:
    """What is imported in the block gets stand-ins for PyTorch's compiler, unless that is there."""
    if _COMPILER in sys.modules:
        yield
        return
    utils = ModuleType(f"{_COMPILER}.utils")
    utils.is_compile_supported = _is_compile_supported
    disable = torch.compiler.disable
    sys.modules[utils.__name__] = utils
    torch.compiler.disable = _leave_alone
    try:
        yield
    finally:
        torch.compiler.disable = disable
        del sys.modules[utils.__name__]


def _is_compile_supported(device_type: str) -> bool:
    """The compiler's own answer, for which it is loaded."""
    return importlib.import_module(f"{_COMPILER}.utils").is_compile_supported(device_type)


def _leave_alone(function: Callable | None = None, **_) -> Callable:
    """`torch.compiler.disable` where nothing is compiled: functions stay as they are."""
    return function or (lambda decorated: decorated)


torchvision_library = _declare_missing_operators()
with _compiler_left_out():
    for name in ("torchvision", "timm", "open_clip"):
        importlib.import_module(name)
