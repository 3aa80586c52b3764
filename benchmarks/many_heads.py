"""Many heads trained in one batched pass (a leading axis), beside one after another."""

from collections.abc import Callable

import numpy as np

from benchmarks.measuring import Side, compare, median_ratio, median_seconds
from benchmarks.settings import Row, Settings, format_table

PAYS = 1.2  # times as fast, or it is not worth a second way to train
IMAGE_WIDTH, TEXT_WIDTH, DIM = 768, 512, 512


def draw_features(count: int):
    """Features of images and texts (n, width) float32, and projections to begin with."""
    import torch

    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(count, w, generator=generator) for w in (IMAGE_WIDTH, TEXT_WIDTH)]
    weights = [torch.randn(w, DIM, generator=generator) / w**0.5 for w in (IMAGE_WIDTH, TEXT_WIDTH)]
    return features, weights


def draw_rows(heads: int, steps: int, batch: int, count: int):
    """Rows (steps, heads, batch) of the batches: each head has an order of its own."""
    generator = np.random.default_rng(0)
    return generator.integers(count, size=(steps, heads, batch))


def prepare_single(
    heads: int, steps: int, batch: int, count: int, device: str = "cpu"
) -> Callable[[], list]:
    """The study's own step, head after head."""
    import torch

    from lib.finetune import Recipe, _Training
    from lib.heads import Head

    (images, texts), weights = draw_features(count)
    images, texts = images.to(device), texts.to(device)
    rows = torch.from_numpy(draw_rows(heads, steps, batch, count)).to(device)
    head = Head(*(weight.numpy() for weight in weights), 3.0)

    def run() -> list:
        found = []
        for number in range(heads):
            training = _Training(head, Recipe(), device)
            for step in range(steps):
                some = rows[step, number]
                training.step(images[some], texts[some], 1e-3)
            found.append(training.projections[0][0, :4].tolist())
        return found

    return run


def prepare_whole(
    heads: int, epochs: int, batch: int, count: int, validation: int, device: str = "cpu"
) -> Callable[[], list]:
    """The study's fine-tunes, whole: features are gathered, and each epoch's head is validated on a
    dataset of `validation` images with ImageNet's 1,000 classes and CLIP's 7 prompts for each."""
    import torch

    from lib.feature_store import DatasetFeatures
    from lib.finetune import FeaturePairs, Recipe, finetune
    from lib.heads import Head
    from lib.validation import score_zero_shot

    (images, texts), weights = draw_features(count)
    rows = np.arange(count)
    pairs = FeaturePairs([images.numpy()[None]], rows, texts.numpy(), rows)
    (seen, _), _ = draw_features(validation)
    prompts = torch.randn(1000, 7, TEXT_WIDTH, generator=torch.Generator().manual_seed(1))
    labels = np.arange(validation) % 1000
    score = score_zero_shot(DatasetFeatures(seen.numpy(), labels, prompts.numpy(), []), device)
    head = Head(*(weight.numpy() for weight in weights), 3.0)
    recipe = Recipe(epochs=epochs, batch_size=batch)

    def run() -> list:
        tuned = [finetune(head, pairs, score, recipe, seed, device).head for seed in range(heads)]
        return [each.image_projection[0, :4].tolist() for each in tuned]

    return run


def prepare_batched(
    heads: int, steps: int, batch: int, count: int, device: str = "cpu"
) -> Callable[[], list]:
    """One step of all heads at a time: products with a leading axis, one optimiser for all."""
    import torch
    from torch.nn import functional

    (images, texts), weights = draw_features(count)
    images, texts = images.to(device), texts.to(device)
    rows = torch.from_numpy(draw_rows(heads, steps, batch, count)).to(device)
    target = torch.arange(batch, device=device).expand(heads, batch)

    def run() -> list:
        stacked = [
            each.to(device).expand(heads, -1, -1).clone().requires_grad_() for each in weights
        ]
        optimiser = torch.optim.AdamW(
            stacked, lr=1e-3, weight_decay=0.5, betas=(0.9, 0.98), eps=1e-8, fused=True
        )
        for step in range(steps):
            seen = functional.normalize(torch.bmm(images[rows[step]], stacked[0]), dim=-1)
            read = functional.normalize(torch.bmm(texts[rows[step]], stacked[1]), dim=-1)
            logits = np.exp(3.0) * torch.bmm(seen, read.transpose(1, 2))
            # a mean over heads and pairs, times the heads: the gradient of each is its own
            loss = heads * sum(
                functional.cross_entropy(each.flatten(0, 1), target.flatten()) / 2
                for each in (logits, logits.transpose(1, 2))
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return stacked[0][:, 0, :4].tolist()

    return run


def measure_rows(settings: Settings) -> list[Row]:
    arguments = {
        "heads": settings.choose(2, 6, 30),
        "steps": settings.choose(2, 4, 4),
        "batch": settings.choose(16, 1024, 1024),
        "count": settings.choose(64, 20_000, 20_000),
    }
    sides = {
        "one after another": Side("many_heads", "prepare_single", arguments),
        "batched": Side("many_heads", "prepare_batched", arguments),
    }
    costs = compare(sides, settings.choose(1, 3, 3), settings.in_process)
    ratio = median_ratio(costs["one after another"], costs["batched"])
    difference = np.abs(np.subtract(*(some[0].found for some in costs.values()))).max()
    number = arguments["heads"] * arguments["steps"]
    table = [
        [
            name,
            f"{1000 * median_seconds(some) / number:.1f}",
            f"{max(cost.above for cost in some):,.0f}",
        ]
        for name, some in costs.items()
    ]
    return [
        Row(
            f"{arguments['heads']} heads trained in one batched pass, batch {arguments['batch']:,}",
            "the study's own: one after another",
            "where it pays",
            f"{ratio:.2f} times as fast on the CPU",
            "it pays" if ratio > PAYS else "it does not pay here",
            [
                format_table(["side", "ms a step of a head", "MiB above the start"], table),
                f"Largest difference of a weight: {difference:.0e}. The study trains head after "
                "head: it batches only if that is faster here.",
            ],
        )
    ]
