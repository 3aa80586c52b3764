"""Pretraining of a small CLIP or LaCLIP model from scratch, with open_clip's model and loss.

CLIP (Radford et al., 2021) trains on the raw captions. LaCLIP (Fan et al., 2023) draws, for each
pair at each step, one of the raw caption and its rewrites, uniformly.
"""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from lib.architectures import image_size
from lib.corpus import CaptionTable, load_pixels, read_captions
from lib.distributed import ALONE, Group
from lib.models import build_model, get_tokenizer, open_clip
from lib.progress import Progress
from lib.resume import StateFile, StateFolder, make_fingerprint

logger = logging.getLogger(__name__)

CAPTION_SOURCES = ("raw", "rewrites")
MAX_LOGIT_SCALE = math.log(100)  # as in open_clip's training

# Of attention: the others sum gradients on a GPU in an order that changes from run to run.
_REPEATABLE = [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]


@dataclass(frozen=True)
class PretrainSettings:
    """How a model is pretrained.

    Attributes:
        captions: sources that a caption is drawn from: "raw", "rewrites" (all of them) or both.
        warmup_epochs: linear warm-up to `lr`; then a cosine down to 0.
        weight_decay: of matrices; biases, norms and the logit scale have none.
        seed: of the weights, of the order of the pairs and of the draws.
    """

    epochs: int
    batch_size: int
    lr: float
    warmup_epochs: float
    weight_decay: float
    captions: tuple[str, ...]
    seed: int
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-6

    def __post_init__(self) -> None:
        unknown = set(self.captions) - set(CAPTION_SOURCES)
        if unknown or not self.captions:
            raise ValueError(
                f"captions {list(self.captions)}: expected one or more of {list(CAPTION_SOURCES)}"
            )


@dataclass(frozen=True)
class PixelPairs:
    """Pairs in memory.

    Attributes:
        pixels: (n, size, size, 3) uint8: 3 * size**2 bytes a pair (40 MB for 13,000 of 32 pixels).
        tokens: (sources, n, context) int32, the captions that may be drawn for a pair.
    """

    pixels: torch.Tensor
    tokens: torch.Tensor

    def __len__(self) -> int:
        return len(self.pixels)


def load_pairs(
    shards: Sequence[str | Path], captions: str | Path, architecture: dict, sources: Sequence[str]
) -> tuple[PixelPairs, PixelPairs]:
    """Load a corpus into memory: the pairs of its training and of its validation split.

    Raises:
        ValueError: a key of the table is not in the shards, or the rewrites asked for do not exist.
    """
    table = read_captions(captions)
    _, pixels = load_pixels(shards, image_size(architecture), table.keys)
    tokenize = get_tokenizer(architecture)
    pool = [tokenize(texts).to(torch.int32) for texts in caption_pool(table, sources)]
    tokens, images = torch.stack(pool), torch.from_numpy(pixels)
    train, validation = table.rows("train"), table.rows("validation")
    return (
        PixelPairs(images[train], tokens[:, train]),
        PixelPairs(images[validation], tokens[:, validation]),
    )


def caption_pool(table: CaptionTable, sources: Sequence[str]) -> list[list[str]]:
    """The captions that a model draws from: the raw ones, the R rewrites, or all 1 + R.

    Raises:
        ValueError: rewrites are asked for and the table has none.
    """
    if "rewrites" in sources and not table.rewrites:
        raise ValueError("captions: rewrites are asked for, but the corpus has none")
    raw = [table.captions] if "raw" in sources else []
    return raw + (table.rewrites if "rewrites" in sources else [])


def pretrain(
    architecture: dict,
    train: PixelPairs,
    validation: PixelPairs,
    settings: PretrainSettings,
    device: torch.device,
    states: StateFolder,
    code: str = "",
    group: Group = ALONE,
) -> tuple[open_clip.CLIP, list[dict[str, float]]]:
    """Train a model and record its history.

    The same seed, number of threads and kind of machine give the same weights. Several processes
    give those of one, to rounding.

    Args:
        settings: `batch_size` is that of all processes together.
        states: where the state is saved after each epoch, every minute between, and when training
            is told to stop. A run that finds one of the same settings, data and code goes on from
            there, to the same weights; any other is ignored.
        code: a hash of the code that trains.

    Returns:
        The model in evaluation mode, and a record for each epoch: `epoch` (from 1), `loss` (mean
        over its steps), and `validation_loss` and `validation_recall` (see `validate`).

    Raises:
        ValueError: fewer training pairs than a batch, or batch statistics that processes on the CPU
            cannot share.
        FloatingPointError: the loss is not finite, or a weight after an epoch.
        SystemExit: training was told to stop; its state is saved.
    """
    if len(train) < settings.batch_size:
        raise ValueError(
            f"{len(train)} training pairs do not fill one batch of {settings.batch_size}; "
            "choose a smaller batch_size or a larger corpus"
        )
    model = build_model(architecture, settings.seed)
    model = group.prepare(model.to(device, memory_format=torch.channels_last))
    # Of dropout, where the architecture has any: processes that train together draw the same.
    torch.manual_seed(settings.seed)
    training = _Training(model, build_optimizer(model, settings), device, group)
    state = StateFile(
        states,
        "model",
        _get_fingerprint(architecture, [train, validation], settings, device, code),
    )
    state.load(training)
    steps = len(train) // settings.batch_size
    done = (len(training.history) * steps + len(training.losses)) * settings.batch_size
    pairs = settings.epochs * steps * settings.batch_size
    progress = Progress("pretraining", pairs, "pairs", done=done)
    normalise = _get_normaliser(model, device)
    for epoch in range(len(training.history), settings.epochs):
        with sdpa_kernel(_REPEATABLE):
            _train_epoch(training, train, settings, epoch, normalise, progress, state)
        if not all(bool(weights.isfinite().all()) for weights in model.parameters()):
            raise FloatingPointError(f"weights are not finite after epoch {epoch + 1}")
        record = {"epoch": epoch + 1, "loss": sum(training.losses) / steps}
        if len(validation):
            record |= validate(model, validation, settings.batch_size, normalise)
        logger.info("%s", json.dumps(record))
        training.history.append(record)
        training.losses.clear()
        state.save(training)
    return model.eval(), training.history


def build_optimizer(model: torch.nn.Module, settings: PretrainSettings) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only, as in open_clip's training."""
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    others = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=True
    )


def learning_rate(step: int, steps_per_epoch: int, settings: PretrainSettings) -> float:
    """The rate of step 0, 1, ...: linear warm-up, then half a cosine towards 0."""
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    total = settings.epochs * steps_per_epoch
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


@torch.inference_mode()
def validate(
    model: open_clip.CLIP, pairs: PixelPairs, batch_size: int, normalise: "Normaliser"
) -> dict[str, float]:
    """Contrastive loss and image-to-text recall@1 within batches, averaged over pairs.

    The first caption source (the raw captions, if they are one) is used.
    """
    model.eval()
    criterion = open_clip.ClipLoss()
    loss = hits = 0.0
    for rows in torch.arange(len(pairs)).split(batch_size):
        tokens = pairs.tokens[0, rows].to(normalise.mean.device)
        images, texts, scale = model(normalise(pairs.pixels[rows]), tokens)
        loss += float(criterion(images, texts, scale)) * len(rows)
        best = (images @ texts.T).argmax(dim=1)
        hits += int((best == torch.arange(len(rows), device=best.device)).sum())
    return {"validation_loss": loss / len(pairs), "validation_recall": hits / len(pairs)}


class Normaliser(NamedTuple):
    """Turns uint8 pixels (n, height, width, 3) into model input on the device of `mean`."""

    mean: torch.Tensor  # (3,), of pixels in [0, 255]
    std: torch.Tensor

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Float (n, 3, height, width), in the channels-last layout that the pixels already have."""
        floats = (pixels.to(self.mean.device).float() - self.mean) / self.std
        return floats.permute(0, 3, 1, 2)


@dataclass
class _Training:
    """What changes from step to step (see `lib.resume.Training`)."""

    model: open_clip.CLIP
    optimizer: torch.optim.Optimizer
    device: torch.device
    group: Group
    history: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.criterion = open_clip.ClipLoss()
        self.replica = self.group.replicate(self.model)

    def step(self, pixels: torch.Tensor, tokens: torch.Tensor, lr: float) -> None:
        """One step on this process's part of a batch, with the loss of the whole batch."""
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = lr
        images, texts, scale = self.replica(pixels, tokens)
        loss = self.criterion(self.group.gather(images), self.group.gather(texts), scale)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
        value = loss.item()  # a GPU is waited for, so only when it has the whole step to do
        if not math.isfinite(value):
            place = f"epoch {len(self.history) + 1}, step {len(self.losses) + 1}"
            raise FloatingPointError(f"loss is {value} in {place}")
        self.losses.append(value)

    def state_dict(self) -> dict[str, Any]:
        random = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": random,
            "history": self.history,
            "losses": self.losses,
        }

    def load_state_dict(self, content: dict[str, Any]) -> None:
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["random"]["cpu"])
        if self.device.type == "cuda" and "cuda" in content["random"]:
            torch.cuda.set_rng_state(content["random"]["cuda"], self.device)
        self.history, self.losses = content["history"], content["losses"]


def _train_epoch(
    training: _Training,
    pairs: PixelPairs,
    settings: PretrainSettings,
    epoch: int,
    normalise: Normaliser,
    progress: Progress,
    state: StateFile,
) -> None:
    """The rest of a pass over the pairs in an order drawn from (seed, epoch).

    The pairs left over after the last whole batch are left out of this epoch.
    """
    training.model.train()
    rng = np.random.default_rng([settings.seed, epoch])
    order = torch.from_numpy(rng.permutation(len(pairs)))
    sources = torch.from_numpy(rng.integers(len(pairs.tokens), size=len(pairs)))
    steps = len(pairs) // settings.batch_size
    batches = order.split(settings.batch_size)[:steps]
    for step in range(len(training.losses), steps):
        rows = training.group.part(batches[step])
        tokens = pairs.tokens[sources[rows], rows].to(training.device)
        lr = learning_rate(epoch * steps + step, steps, settings)
        training.step(normalise(pairs.pixels[rows]), tokens, lr)
        progress.advance(settings.batch_size, f"epoch {epoch + 1}, loss {training.losses[-1]:.3f}")
        state.keep(training)


def _get_normaliser(model: open_clip.CLIP, device: torch.device) -> Normaliser:
    """Mean and standard deviation of the architecture, as `build_model` has noted them."""
    statistics = (model.visual.image_mean, model.visual.image_std)
    return Normaliser(*(255 * torch.tensor(values, device=device) for values in statistics))


def _get_fingerprint(
    architecture: dict,
    splits: Sequence[PixelPairs],
    settings: PretrainSettings,
    device: torch.device,
    code: str,
) -> str:
    """Hash of all that decides a state."""
    arrays = (part.numpy() for pairs in splits for part in (pairs.pixels, pairs.tokens))
    return make_fingerprint([architecture, asdict(settings), device.type, code], arrays)
