"""AdamW without PyTorch's class: the same bits as with it, and none of its imports."""

import subprocess
import sys

import pytest
import torch

from lib.adamw import AdamW
from tests.project import ROOT

RATES = [0.1, 0.03, 0.0, 0.02, 0.01]
SETTINGS = {"weight_decay": 0.5, "betas": (0.9, 0.98), "eps": 1e-8}


def make_weights(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 7), (3, 7))
    return [torch.randn(s, generator=generator, dtype=dtype).requires_grad_() for s in shapes]


def add_gradients(weights):
    ((weights[0] @ weights[1].T).sin() ** 2).sum().backward()


def train_with_pytorch(weights, rates):
    optimiser = torch.optim.AdamW(weights, **SETTINGS, fused=True)
    for rate in rates:
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        add_gradients(weights)
        optimiser.step()


def train(weights, optimiser, rates):
    for rate in rates:
        add_gradients(weights)
        optimiser.step(rate)


def assert_same_bits(found, expected):
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_makes_the_weights_that_pytorch_makes(dtype):
    weights, expected = make_weights(dtype), make_weights(dtype)
    train(weights, AdamW(weights, **SETTINGS), RATES)
    train_with_pytorch(expected, RATES)
    assert_same_bits(weights, expected)
    assert not torch.equal(weights[0], make_weights(dtype)[0])


def test_it_goes_on_from_its_state(tmp_path):
    weights, expected = make_weights(), make_weights()
    train(expected, AdamW(expected, **SETTINGS), RATES)
    first = AdamW(weights, **SETTINGS)
    train(weights, first, RATES[:2])
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = AdamW(weights, **SETTINGS)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    train(weights, second, RATES[2:])
    assert_same_bits(weights, expected)


def test_fine_tuning_does_not_import_the_compiler():
    """Which is why this optimiser exists: should PyTorch's no longer do so, use that one again."""
    program = """
        import sys, numpy as np
        from lib.finetune import FeaturePairs, Recipe, finetune
        from lib.heads import Head
        eye = np.eye(4, dtype=np.float32)
        pairs = FeaturePairs([eye[None]], np.arange(4), eye, np.arange(4))
        finetune(Head(eye, eye, 1.0), pairs, lambda head: 0.0, Recipe(epochs=1, batch_size=4), 0)
        assert "torch._dynamo" not in sys.modules, "fine-tuning does"
        import torch
        torch.optim.AdamW([torch.ones(1)])
        assert "torch._dynamo" in sys.modules, "PyTorch's class does not"
    """
    program = "\n".join(line.strip() for line in program.splitlines())
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
