"""Fine-tuning of a model's two projections on cached features of its frozen towers.

Everything but the projections is frozen, the logit scale too, so a tower's output for an image or
a caption never changes: it is computed once (`lib.features`), and an epoch is a sequence of small
matrix products. Misaligned captions are a permutation of the rows of the text features. The result
is that of training the same frozen model on pixels, which a test holds against it.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from lib.feature_store import gather_rows
from lib.files import atomic_path
from lib.heads import Head
from lib.progress import Progress


@dataclass(frozen=True)
class Recipe:
    """Settings of a fine-tune; the defaults are the study's (reference: the original's command).

    Attributes:
        lr_start: learning rate at the first step, rising linearly to `lr` in `warmup_epochs`.
        lr_end: learning rate that a cosine falls towards: one step after the last would have it.
        weight_decay: decoupled (AdamW), on both projections.
    """

    epochs: int = 10
    batch_size: int = 1024
    lr: float = 1e-3
    lr_start: float = 1e-6
    lr_end: float = 1e-5
    warmup_epochs: float = 1.0
    weight_decay: float = 0.5
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8


class Pairs(NamedTuple):
    """Features of image-caption pairs, before the projections.

    Attributes:
        images: those of the corpus in one or more consecutive chunks, each (views, rows of the
            chunk, image width) float32, memory-mapped where it is large; view v is one crop of
            each image.
        rows: (n,) the rows of the corpus that are these pairs.
        texts: (n, text width) float32, the caption that is shown with each image.
        text_ids: (n,) integers, equal where captions are equal.
    """

    images: Sequence[np.ndarray]
    rows: np.ndarray
    texts: np.ndarray
    text_ids: np.ndarray

    @property
    def views(self) -> int:
        """How many views there are of each image."""
        return len(self.images[0])

    def view(self, number: int) -> torch.Tensor:
        """Image features (n, image width) of one view, in memory."""
        return torch.from_numpy(gather_rows([chunk[number] for chunk in self.images], self.rows))


class Finetuned(NamedTuple):
    """What a fine-tune yields: the last head, the best on validation, one record an epoch."""

    head: Head
    best_head: Head
    best_epoch: int
    history: list[dict]


def finetune(
    head: Head,
    train: Pairs,
    score: Callable[[Head], float],
    recipe: Recipe,
    seed: int,
    device: torch.device | str = "cpu",
) -> Finetuned:
    """Train a copy of `head` with the contrastive loss; the best epoch is that of highest `score`.

    Epoch e sees view e modulo the number of views, so that `views` equal to the epochs draws a
    fresh crop of each image in every epoch.

    Args:
        score: accuracy of a head on data that are kept for this choice: held-out pairs, or a
            validation set.

    Raises:
        ValueError: fewer training pairs than one batch.
        FloatingPointError: the loss is infinite or not a number; names epoch and step.
    """
    count = len(train.texts)
    steps = count // recipe.batch_size
    if steps == 0:
        raise ValueError(f"{count} training pairs are fewer than one batch of {recipe.batch_size}")
    projections = [
        torch.tensor(weight, device=device, requires_grad=True)
        for weight in (head.image_projection, head.text_projection)
    ]
    optimiser = _build_optimiser(projections, recipe)
    rates = learning_rates(recipe, steps)
    texts = torch.from_numpy(train.texts).to(device)
    progress = Progress(f"fine-tune seed {seed}", recipe.epochs * steps, "steps")
    heads: list[Head] = []
    history: list[dict] = []
    for epoch in range(recipe.epochs):
        images = train.view(epoch % train.views).to(device)
        order = epoch_order(count, epoch, seed).to(device)
        losses = []
        for step, rows in enumerate(order[: steps * recipe.batch_size].split(recipe.batch_size)):
            optimiser.param_groups[0]["lr"] = rates[epoch * steps + step]
            loss = contrastive_loss(
                images[rows] @ projections[0], texts[rows] @ projections[1], head.logit_scale
            )
            losses.append(_finite(loss, epoch, step))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            progress.advance(1, f"loss {losses[-1]:.3f}")
        heads.append(_to_head(projections, head.logit_scale))
        record = {
            "epoch": epoch,
            "lr": rates[(epoch + 1) * steps - 1],
            "train_loss": float(np.mean(losses)),
            "validation_accuracy": score(heads[-1]),
        }
        history.append(record)
    accuracies = [record["validation_accuracy"] for record in history]
    best = accuracies.index(max(accuracies))  # the earliest of equal ones
    return Finetuned(heads[-1], heads[best], best, history)


def contrastive_loss(
    image_embeddings: torch.Tensor, text_embeddings: torch.Tensor, logit_scale: float
) -> torch.Tensor:
    """The symmetric cross-entropy of CLIP (Radford et al., 2021), as open_clip's `ClipLoss`.

    Args:
        image_embeddings, text_embeddings: (batch, dim), row i of both being a pair; any length.
        logit_scale: logarithm of the inverse temperature.
    """
    image_embeddings = functional.normalize(image_embeddings, dim=-1)
    text_embeddings = functional.normalize(text_embeddings, dim=-1)
    logits = math.exp(logit_scale) * image_embeddings @ text_embeddings.T
    target = torch.arange(len(logits), device=logits.device)
    return (
        functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    ) / 2


def learning_rates(recipe: Recipe, steps_per_epoch: int) -> list[float]:
    """The learning rate of every step: linear warm-up, then a cosine.

    A warm-up as long as the training, or longer, is cut to its length.
    """
    total = recipe.epochs * steps_per_epoch
    warmup = min(round(recipe.warmup_epochs * steps_per_epoch), total)
    rising = np.linspace(recipe.lr_start, recipe.lr, warmup)
    phase = np.arange(total - warmup) / max(total - warmup, 1)
    falling = recipe.lr_end + (recipe.lr - recipe.lr_end) * (1 + np.cos(np.pi * phase)) / 2
    return np.concatenate([rising, falling]).tolist()


def epoch_order(count: int, epoch: int, seed: int) -> torch.Tensor:
    """The order in which an epoch visits the pairs: (count,) a function of seed and epoch alone."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


def retrieval_accuracy(pairs: Pairs, head: Head) -> float:
    """Share of images (first view) whose nearest caption, of all distinct ones, is their own."""
    _, first_rows = np.unique(pairs.text_ids, return_index=True)
    images = pairs.view(0) @ torch.tensor(head.image_projection)
    texts = torch.tensor(pairs.texts[first_rows]) @ torch.tensor(head.text_projection)
    nearest = (images @ functional.normalize(texts, dim=-1).T).argmax(dim=1).numpy()
    return float(np.mean(pairs.text_ids[first_rows][nearest] == pairs.text_ids))


def select_pairs(
    images: Sequence[np.ndarray],
    texts: np.ndarray,
    captions: Sequence[str],
    permutation: np.ndarray,
    rows: np.ndarray,
) -> Pairs:
    """The pairs of some rows of a corpus, each image with the caption that a permutation gives it.

    Args:
        images: chunks of (views, n, image width), as `Pairs` has them.
        texts: (n, text width); captions: n texts.
        permutation: (n,) row i shows the caption of row permutation[i].
        rows: the rows to select.
    """
    shown = permutation[rows]
    _, text_ids = np.unique(np.asarray(captions, dtype=object)[shown], return_inverse=True)
    return Pairs(images, rows, texts[shown], text_ids)


def write_log(path: str | Path, history: list[dict]) -> None:
    """Write one JSON line an epoch."""
    with atomic_path(path) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in history))


def _build_optimiser(projections: list[torch.Tensor], recipe: Recipe) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        projections,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        betas=recipe.betas,
        eps=recipe.eps,
        fused=True,
    )


def _finite(loss: torch.Tensor, epoch: int, step: int) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss is {value} in epoch {epoch}, step {step}")
    return value


def _to_head(projections: list[torch.Tensor], logit_scale: float) -> Head:
    image_projection, text_projection = (
        projection.detach().cpu().numpy().copy() for projection in projections
    )
    return Head(image_projection, text_projection, logit_scale)
