"""Two encoders of one hidden layer, trained contrastively: all runs of an experiment at once.

Neuron j of an encoder yields relu(w.x - b) - relu(-w.x - b), the symmetrised ReLU. Its bias b is
`threshold` times the length of w, so that what falls below it is told by the direction alone; it
grows from 0 over the first part of training. Parameters have a leading axis of runs: each step is
a few batched products, and no run sees another.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn.functional import normalize

from lib.progress import Progress
from lib.sparse_pairs import SparsePairs, seeded

WARM_UP_STEPS = 50


@dataclass(frozen=True)
class TrainingSettings:
    """How encoders are trained.

    Attributes:
        neurons: of each encoder.
        init: standard deviation of the initial weights.
        threshold: final bias of a neuron, as a multiple of the length of its weights.
        threshold_ramp: share of the steps over which the bias grows from 0.
        loss: `infonce` (unit embeddings, softmax both ways) or `spectral` (embeddings as they are).
        temperature: divides the cosines of `infonce`; divides the repulsion of `spectral`.
        steps, batch_size: of AdamW; batches are drawn without replacement, epoch by epoch.
        lr: learning rate, times a cosine from 1 to 0 over all steps, and in the first 50 a linear
            warm-up.
        weight_decay: decoupled.
    """

    neurons: int
    init: float
    threshold: float
    threshold_ramp: float
    loss: str
    temperature: float
    steps: int
    batch_size: int
    lr: float
    weight_decay: float


class Encoders(NamedTuple):
    """(runs, dimension, neurons) weights of both encoders, column = neuron; and their threshold."""

    image: torch.Tensor
    text: torch.Tensor
    threshold: float


def initial_encoders(settings: TrainingSettings, dimension: int, seeds: list[int]) -> Encoders:
    """Gaussian weights of each run, by its seed."""
    weights = [
        torch.stack(
            [
                settings.init
                * torch.randn(dimension, settings.neurons, generator=seeded(seed, name))
                for seed in seeds
            ]
        )
        for name in ("image encoder", "text encoder")
    ]
    return Encoders(*weights, settings.threshold)


def train_encoders(settings: TrainingSettings, pairs: SparsePairs, seeds: list[int]) -> Encoders:
    """Train both encoders of every run on its pairs.

    Args:
        pairs: of all runs.
        seeds: of the initial weights, one a run. The order of the pairs is the same in all runs.

    Returns:
        The encoders after the last step.
    """
    initial = initial_encoders(settings, pairs.images.shape[2], seeds)
    weights = [initial.image.requires_grad_(), initial.text.requires_grad_()]
    optimizer = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    progress = Progress(f"twin encoders of {len(seeds)} runs", settings.steps, "steps")
    for step, batch in enumerate(_batches(settings, pairs.images.shape[1])):
        optimizer.param_groups[0]["lr"] = settings.lr * _lr_factor(step, settings.steps)
        threshold = settings.threshold * _ramp(step, settings)
        images = encode(pairs.images[:, batch], weights[0], threshold)
        texts = encode(pairs.texts[:, batch], weights[1], threshold)
        optimizer.zero_grad()
        LOSSES[settings.loss](images, texts, settings.temperature).sum().backward()
        optimizer.step()
        progress.advance(1)
    return Encoders(*(each.detach() for each in weights), settings.threshold)


def encode(inputs: torch.Tensor, weights: torch.Tensor, threshold: float) -> torch.Tensor:
    """Embeddings (runs, n, neurons) of inputs (runs, n, dimension)."""
    activations = inputs @ weights
    bias = threshold * weights.norm(dim=1, keepdim=True)
    # relu(u - b) - relu(-u - b), by the sign of what lies farther than b from 0: autograd takes
    # half of the time that it needs for two maxima
    with torch.no_grad():
        signs = torch.sign(activations) * (activations.abs() > bias)
    return activations * signs.abs() - signs * bias


def infonce(images: torch.Tensor, texts: torch.Tensor, temperature: float) -> torch.Tensor:
    """CLIP's loss of each run: cross-entropy of the cosines, both ways (Radford et al., 2021).

    Args:
        images, texts: (runs, n, neurons) embeddings; row i of one belongs to row i of the other.

    Returns:
        (runs,).
    """
    logits = normalize(images, dim=-1) @ normalize(texts, dim=-1).mT / temperature
    aligned = logits.diagonal(dim1=1, dim2=2).mean(dim=1)
    both = logits.logsumexp(dim=1).mean(dim=1) + logits.logsumexp(dim=2).mean(dim=1)
    return both / 2 - aligned


def spectral(images: torch.Tensor, texts: torch.Tensor, temperature: float) -> torch.Tensor:
    """Spectral contrastive loss of each run (HaoChen et al., 2021): -2 f.h + mean (f.h')^2.

    Repulsion is the mean over different pairs, divided by `temperature`. The sum of all squared
    products is that of the product of the two Gram matrices: no matrix of pairs x pairs.
    """
    n = images.shape[1]
    aligned = (images * texts).sum(dim=-1)
    squares = ((images.mT @ images) * (texts.mT @ texts)).sum(dim=(1, 2))
    repulsion = (squares - aligned.square().sum(dim=1)) / (n * (n - 1))
    return repulsion / temperature - 2 * aligned.mean(dim=1)


LOSSES = {"infonce": infonce, "spectral": spectral}


def _batches(settings: TrainingSettings, n: int):
    """Row numbers of each step's batch: whole batches of a new order in each epoch."""
    per_epoch = n // settings.batch_size
    for step in range(settings.steps):
        epoch, number = divmod(step, per_epoch)
        if number == 0:
            order = torch.randperm(n, generator=seeded(epoch, "order"))
        yield order[number * settings.batch_size : (number + 1) * settings.batch_size]


def _lr_factor(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (1 + math.cos(math.pi * step / steps)) / 2


def _ramp(step: int, settings: TrainingSettings) -> float:
    ramp = settings.threshold_ramp * settings.steps
    return 1.0 if step >= ramp else step / ramp
