"""AdamW (Loshchilov and Hutter, 2019) for a handful of weights, without the class of PyTorch.

A `torch.optim.Optimizer` imports PyTorch's compiler as soon as it is made: 1.3 s, as long as a
small head trains for five epochs. Here PyTorch's kernel is called through its functional form,
so the weights are, to the bit, those of `torch.optim.AdamW(fused=True)`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.adamw import adamw


class AdamW:
    """Updates weights in place, from their gradients.

    Args:
        weights: float tensors on one device, with `requires_grad`.
        weight_decay: decoupled, on all weights.
        betas: decay of the running means of the gradients and of their squares.
        eps: added to the root of the latter.
    """

    def __init__(
        self,
        weights: Sequence[torch.Tensor],
        weight_decay: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        self.weights = list(weights)
        self.weight_decay, self.betas, self.eps = weight_decay, betas, eps
        self.steps = [torch.zeros((), device=weight.device) for weight in self.weights]
        self.means = [torch.zeros_like(weight.detach()) for weight in self.weights]
        self.squares = [torch.zeros_like(weight.detach()) for weight in self.weights]

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """One step at a learning rate; the gradients are used up."""
        adamw(
            self.weights,
            [weight.grad for weight in self.weights],
            self.means,
            self.squares,
            [],  # of AMSGrad, a variant
            self.steps,
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=lr,
            weight_decay=self.weight_decay,
            eps=self.eps,
            maximize=False,
        )
        for weight in self.weights:
            weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """What later steps depend on beside the weights."""
        return {"steps": self.steps, "means": self.means, "squares": self.squares}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        for name, tensors in self.state_dict().items():
            for tensor, stored in zip(tensors, content[name], strict=True):
                tensor.copy_(stored)
