"""The precision in which frozen towers compute: float32, or bfloat16 on a GPU.

Either way features come out as float32, and so are fine-tuning and evaluation, which cost little.
"""

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lib.models import load_model, split_head

logger = logging.getLogger(__name__)


class Bfloat16Towers(nn.Module):
    """Towers whose products are computed in bfloat16, which has 8 significant bits, not 24.

    Weights stay as they are; what autocast holds to be delicate (norms, softmax) is computed in
    float32 (https://docs.pytorch.org/docs/stable/amp.html).
    """

    def __init__(self, towers: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.towers, self.device = towers, device

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """As the towers' own: (n, image width), possibly bfloat16."""
        with torch.autocast(self.device.type, torch.bfloat16):
            return self.towers.encode_image(images)

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """As the towers' own: (n, text width), possibly bfloat16."""
        with torch.autocast(self.device.type, torch.bfloat16):
            return self.towers.encode_text(tokens)


def load_towers(
    weights: str | Path, architecture: dict[str, Any], precision: str, device: torch.device
) -> nn.Module:
    """The frozen towers of a model, ready to extract features.

    Raises:
        ValueError: as `load_model` and `set_precision`.
    """
    towers, _ = split_head(load_model(weights, architecture))
    return set_precision(towers.to(device), precision, device)


def count_decoders(device: torch.device, threads: int) -> int:
    """Processes that decode ahead: all beside a GPU, none where the towers use all threads."""
    return threads if device.type == "cuda" else 0


def set_precision(towers: nn.Module, precision: str, device: torch.device) -> nn.Module:
    """Towers that compute in the configuration's `evaluation.precision`.

    Raises:
        ValueError: bfloat16 on a CPU, where it is slower and no study should silently differ by
            the machine it ran on; or an unknown precision.
    """
    if precision == "float32":
        return towers
    if precision != "bfloat16":
        raise ValueError(f"precision is {precision!r}, expected 'float32' or 'bfloat16'")
    if device.type == "cpu":
        raise ValueError(
            "evaluation.precision is 'bfloat16', which is for a GPU, and none is used here; "
            "expected 'float32'"
        )
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        logger.warning("bfloat16 is emulated on this GPU: float32 would be faster")
    return Bfloat16Towers(towers, device)
