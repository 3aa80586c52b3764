"""A step of pretraining of the embedded model, beside open_clip_train's."""

import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.measuring import PEERS, Side, compare, median_ratio, median_seconds
from benchmarks.settings import Row, Settings, format_table, tell
from benchmarks.towers import GLYPHS, TINY, get_architecture

BATCH = 256
LR, WEIGHT_DECAY = 0.002, 0.1


def draw_pairs(architecture: dict, count: int):
    """Pixels (n, size, size, 3) uint8 and tokens (1, n, context) int32, at random."""
    import torch

    from lib.pretrain import PixelPairs

    generator = torch.Generator().manual_seed(0)
    size, text = architecture["vision_cfg"]["image_size"], architecture["text_cfg"]
    pixels = torch.randint(0, 256, (count, size, size, 3), generator=generator, dtype=torch.uint8)
    tokens = torch.randint(1, 1000, (1, count, text["context_length"]), generator=generator)
    tokens[:, :, -1] = text["vocab_size"] - 1  # the end of a text
    return PixelPairs(pixels, tokens.to(torch.int32))


def make_settings():
    from lib.pretrain import PretrainSettings

    return PretrainSettings(1, BATCH, LR, 0, WEIGHT_DECAY, ("raw",), seed=0)


def prepare_ours(model: str, steps: int, batch: int) -> Callable[[], list[float]]:
    """One epoch of the study's pretraining, with building the model and saving its state."""
    import torch

    from lib.pretrain import pretrain
    from lib.resume import StateFolder

    architecture = get_architecture(model)
    pairs, none = draw_pairs(architecture, steps * batch), draw_pairs(architecture, 0)
    recipe = make_settings().__class__(**{**vars(make_settings()), "batch_size": batch})

    def run() -> list[float]:
        with tempfile.TemporaryDirectory() as name:
            device = torch.device("cpu")
            trained, history = pretrain(
                architecture, pairs, none, recipe, device, StateFolder(name)
            )
        return [history[0]["loss"], float(trained.text_projection.detach().norm())]

    return run


@dataclass
class Loader:
    """Batches that are ready, in the form that open_clip_train takes data in."""

    batches: list[tuple]
    num_batches: int
    num_samples: int

    def __iter__(self) -> Iterator[tuple]:
        return iter(self.batches)


def prepare_peer(model: str, steps: int, batch: int) -> Callable[[], list[float]]:
    """One epoch of open_clip_train on the same batches, normalised before, and the same rates."""
    import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

    # isort: split
    import open_clip
    import torch
    from open_clip_train.train import train_one_epoch

    from lib.models import build_model
    from lib.pretrain import learning_rate

    architecture = get_architecture(model)
    pairs = draw_pairs(architecture, steps * batch)
    order = torch.from_numpy(np.random.default_rng([0, 0]).permutation(len(pairs)))
    mean, std = (
        255 * torch.tensor(architecture["preprocess_cfg"][name]) for name in ("mean", "std")
    )
    batches = [
        (
            ((pairs.pixels[rows] - mean) / std).permute(0, 3, 1, 2).contiguous(),
            pairs.tokens[0, rows],
        )
        for rows in order.split(batch)
    ]
    data = Namespace(dataloader=Loader(batches, steps, len(pairs)), set_epoch=lambda epoch: None)
    recipe = make_settings()

    def run() -> list[float]:
        trained = build_model(architecture, seed=0)
        trained.output_dict = True
        optimizer = _make_optimizer(trained)

        def schedule(step: int) -> None:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, recipe)

        losses: list[float] = []
        criterion = open_clip.ClipLoss()

        def loss(**outputs: Any) -> dict:
            found = criterion(**outputs)
            losses.append(float(next(iter(found.values())).detach()))
            return found

        args = _make_arguments(batch)
        train_one_epoch(trained, {"train": data}, loss, 0, optimizer, None, schedule, None, args)
        return [float(np.mean(losses)), float(trained.text_projection.detach().norm())]

    return run


def _make_optimizer(model):
    """As open_clip_train's main function makes it."""
    import torch

    decayed = [weight for weight in model.parameters() if weight.ndim >= 2]
    others = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [
        {"params": others, "weight_decay": 0.0},
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
    ]
    return torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.98), eps=1e-6)


def _make_arguments(batch: int) -> Namespace:
    """What open_clip_train reads of its command line for a plain epoch on a CPU."""
    return Namespace(
        device="cpu",
        precision="fp32",
        distill=False,
        accum_freq=1,
        skip_scheduler=False,
        grad_clip_norm=None,
        horovod=False,
        rank=0,
        local_rank=0,
        log_local=False,
        distributed=False,
        world_size=1,
        log_every_n_steps=100,
        batch_size=batch,
        wandb=False,
    )


def measure_rows(settings: Settings) -> list[Row]:
    steps = settings.choose(2, 20, 40)
    model = settings.choose(TINY, GLYPHS, GLYPHS)
    arguments = {"model": model, "steps": steps, "batch": settings.choose(8, BATCH, BATCH)}
    sides = {"ours": Side("pretraining", "prepare_ours", arguments)}
    if not settings.in_process:
        sides["open_clip_train"] = Side("pretraining", "prepare_peer", arguments, python=PEERS)
    costs = compare(sides, settings.choose(1, 3, 5), settings.in_process)
    table = [
        [
            name,
            f"{1000 * median_seconds(some) / steps:.1f}",
            f"{max(cost.peak for cost in some):,.0f}",
            f"{some[0].found[0]:.6f}",
            f"{some[0].found[1]:.6f}",
        ]
        for name, some in costs.items()
    ]
    measured, holds = "", "open_clip_train is not set up"
    if "open_clip_train" in costs:
        ratio = median_ratio(costs["ours"], costs["open_clip_train"])
        measured, holds = f"{ratio:.2f} of its time", tell(ratio <= 1)
    headings = ["side", "ms a step", "peak MiB", "mean loss", "norm of the text projection"]
    return [
        Row(
            f"pretraining step of the embedded models, batch {arguments['batch']}, {steps} steps",
            "open_clip_train on the same model, batches and rates",
            "not slower",
            measured,
            holds,
            [
                format_table(headings, table),
                "Ours normalises pixels as it goes, builds the model and saves its state at the "
                "end; open_clip_train is given batches that are ready.",
            ],
        )
    ]
