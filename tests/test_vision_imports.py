"""torchvision, timm and open_clip work, and PyTorch's compiler is loaded by whoever asks for it."""

import subprocess
import sys

PROGRAM = """
import sys

import torch

disable = torch.compiler.disable
import lib.models
import torchvision.ops

assert "torch._dynamo" not in sys.modules, "the compiler is loaded"
assert "torch._dynamo.utils" not in sys.modules, "a stand-in is left behind"
assert torch.compiler.disable is disable
asked = sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu")
assert asked is sys.modules["torch._dynamo.utils"].is_compile_supported("cpu")
assert torch.compile(lambda x: x + 1, backend="eager")(torch.zeros(1)) == 1
"""


def test_the_compiler_is_left_out_and_still_there(root):
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
