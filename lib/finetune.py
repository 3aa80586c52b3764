"""Fine-tuning of a model's two projections on cached features of its frozen towers.

Everything but the projections is frozen, the logit scale too, so a tower's output for an image or
a caption never changes: it is computed once (`lib.features`), and an epoch is a sequence of small
matrix products. Misaligned captions are a permutation of the rows of the text features. The result
is that of training the same frozen model on pixels, which a test holds against it.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from lib.adamw import AdamW
from lib.ahead import run_ahead
from lib.distributed import ALONE, Group
from lib.feature_store import gather_rows
from lib.heads import Head
from lib.progress import Progress
from lib.resume import NoState, StateFile


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


class FeaturePairs(NamedTuple):
    """Features of image-caption pairs, before the projections.

    Attributes:
        images: those of the corpus in one or more consecutive chunks, each (views, rows of the
            chunk, image width), memory-mapped where it is large; view v is one crop of each image.
        rows: (n,) the rows of the corpus that are these pairs.
        texts: (n, text width) float32, the caption that is shown with each image.
        captions: (n,) what `texts` are the features of, to tell which are equal.
    """

    images: Sequence[np.ndarray]
    rows: np.ndarray
    texts: np.ndarray
    captions: np.ndarray

    @property
    def views(self) -> int:
        """How many views there are of each image."""
        return len(self.images[0])

    def view(self, number: int) -> torch.Tensor:
        """Image features (n, image width) of one view, in memory."""
        return torch.from_numpy(gather_rows([chunk[number] for chunk in self.images], self.rows))


class Finetuned(NamedTuple):
    """What a fine-tune yields: the last head, that of every epoch, and a record of each."""

    head: Head
    epoch_heads: list[Head]
    history: list[dict]


def finetune(
    head: Head,
    train: FeaturePairs,
    score: Callable[[Head], float],
    recipe: Recipe,
    seed: int,
    device: torch.device | str = "cpu",
    state: StateFile | None = None,
    group: Group = ALONE,
) -> Finetuned:
    """Train a copy of `head` with the contrastive loss.

    Epoch e sees view e modulo the number of views, so that `views` equal to the epochs draws a
    fresh crop of each image in every epoch. Several processes give the head of one, to rounding:
    each takes its part of every batch.

    Args:
        score: the validation accuracy of a head, taken after each epoch (`lib.validation`).
        state: where a fine-tune is kept that may be stopped, and found again when it is finished.

    Raises:
        ValueError: fewer training pairs than one batch.
        FloatingPointError: the loss, or a weight after an epoch, is infinite or not a number.
        SystemExit: training was told to stop; its state is saved.
    """
    count = len(train.texts)
    steps = count // recipe.batch_size
    if steps == 0:
        raise ValueError(f"{count} training pairs are fewer than one batch of {recipe.batch_size}")
    training = _Training(head, recipe, device, group)
    state = state or NoState()
    state.load(training)
    rates = learning_rates(recipe, steps)
    texts = torch.from_numpy(train.texts).to(device)
    done = len(training.history) * steps + len(training.losses)
    progress = Progress(f"fine-tune seed {seed}", recipe.epochs * steps, "steps", done=done)
    epochs = range(len(training.history), recipe.epochs)
    views = _iterate_views(train, epochs, torch.device(device))
    for epoch in epochs:
        images = next(views)
        batches = epoch_order(count, epoch, seed).to(device).split(recipe.batch_size)
        for step in range(len(training.losses), steps):
            rows = group.part(batches[step])
            training.step(images[rows], texts[rows], rates[epoch * steps + step])
            progress.advance(1, f"loss {training.losses[-1]:.3f}")
            state.keep(training)
        del images  # before the next are there: a corpus' view may take half of the memory
        training.end_epoch(rates[(epoch + 1) * steps - 1], score)
    state.save(training)
    return training.finish()


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


def label_epochs(results: Mapping[int, Finetuned]) -> dict[str, Head]:
    """The heads of all epochs of fine-tunes by seed, under "seed/epoch", epochs counted from 1."""
    return {
        f"{seed}/{epoch}": head
        for seed, result in results.items()
        for epoch, head in enumerate(result.epoch_heads, start=1)
    }


def select_pairs(
    images: Sequence[np.ndarray],
    texts: np.ndarray,
    captions: Sequence[str],
    permutation: np.ndarray,
    rows: np.ndarray,
) -> FeaturePairs:
    """The pairs of some rows of a corpus, each image with the caption that a permutation gives it.

    Args:
        images: chunks of (views, n, image width), as `FeaturePairs` has them.
        texts: (n, text width), float16 or float32; captions: n texts.
        permutation: (n,) row i shows the caption of row permutation[i]; a negative one leaves the
            pair out.
        rows: the rows to select.
    """
    rows = rows[permutation[rows] >= 0]
    shown = permutation[rows]
    shown_texts = texts[shown].astype(np.float32, copy=False)
    return FeaturePairs(images, rows, shown_texts, np.asarray(captions, dtype=object)[shown])


def _iterate_views(
    pairs: FeaturePairs, epochs: range, device: torch.device
) -> Iterator[torch.Tensor]:
    """Image features (n, image width) of each epoch, on the device.

    A single view is gathered once. Of several, a thread gathers the next while a GPU trains, which
    takes no longer over an epoch than the gathering does.
    """
    views = map(pairs.view, (epoch % pairs.views for epoch in epochs))
    if pairs.views == 1:
        views = itertools.repeat(pairs.view(0).to(device), len(epochs))
    elif device.type == "cuda":
        views = run_ahead(views, ahead=1)
    yield from map(methodcaller("to", device), views)


class _Embed(torch.nn.Module):
    """Embeddings of features: what is trained, as the module that several processes replicate."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.image_projection = torch.nn.Parameter(torch.tensor(head.image_projection))
        self.text_projection = torch.nn.Parameter(torch.tensor(head.text_projection))

    def forward(
        self, images: torch.Tensor, texts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return images @ self.image_projection, texts @ self.text_projection


class _Training:
    """A head's projections while they are trained (see `lib.resume.Training`)."""

    def __init__(
        self, head: Head, recipe: Recipe, device: torch.device | str, group: Group = ALONE
    ) -> None:
        self.logit_scale = head.logit_scale
        self.group = group
        self.embed = _Embed(head).to(device)
        self.replica = group.replicate(self.embed)
        self.projections = [self.embed.image_projection, self.embed.text_projection]
        self.optimizer = AdamW(self.projections, recipe.weight_decay, recipe.betas, recipe.eps)
        self.epochs: list[list[torch.Tensor]] = []  # the projections after each
        self.history: list[dict] = []
        self.losses: list[float] = []

    def step(self, images: torch.Tensor, texts: torch.Tensor, lr: float) -> None:
        """One step on the features of this process's part of a batch."""
        embeddings = map(self.group.gather, self.replica(images, texts))
        loss = contrastive_loss(*embeddings, self.logit_scale)
        loss.backward()
        self.optimizer.step(lr)
        value = loss.item()  # a GPU is waited for, so only when it has the whole step to do
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} in epoch {len(self.history)}, step {len(self.losses)}"
            )
        self.losses.append(value)

    def end_epoch(self, lr: float, score: Callable[[Head], float]) -> None:
        """Record the epoch and keep its head.

        Raises:
            FloatingPointError: the last step, whose loss was finite still, spoilt the weights.
        """
        if not all(bool(weights.isfinite().all()) for weights in self.projections):
            raise FloatingPointError(f"weights are not finite after epoch {len(self.history)}")
        accuracy = float(score(_to_head(self.projections, self.logit_scale)))
        self.epochs.append(self._copy())
        record = {
            "epoch": len(self.history),
            "lr": lr,
            "train_loss": float(np.mean(self.losses)),
            "validation_accuracy": accuracy,
        }
        self.history.append(record)
        self.losses = []

    def finish(self) -> Finetuned:
        """What the fine-tune yields."""
        heads = [_to_head(projections, self.logit_scale) for projections in self.epochs]
        return Finetuned(heads[-1], heads, self.history)

    def state_dict(self) -> dict[str, Any]:
        return {
            "projections": self._copy(),
            "optimizer": self.optimizer.state_dict(),
            "epochs": self.epochs,
            "history": self.history,
            "losses": self.losses,
        }

    def load_state_dict(self, content: dict[str, Any]) -> None:
        with torch.no_grad():
            for projection, stored in zip(self.projections, content["projections"], strict=True):
                projection.copy_(stored)
        self.optimizer.load_state_dict(content["optimizer"])
        self.epochs, self.history = content["epochs"], content["history"]
        self.losses = content["losses"]

    def _copy(self) -> list[torch.Tensor]:
        return [projection.detach().clone() for projection in self.projections]


def _to_head(projections: list[torch.Tensor], logit_scale: float) -> Head:
    image_projection, text_projection = (
        projection.detach().cpu().numpy().copy() for projection in projections
    )
    return Head(image_projection, text_projection, logit_scale)
