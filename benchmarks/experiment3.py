"""Fine-tuning on cached features, beside re-encoding images and captions at each step."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measuring import Side, compare, median_seconds, time_action
from benchmarks.settings import Row, Settings, draw_captions, draw_jpegs, format_table, tell
from benchmarks.towers import TINY, build_towers, get_architecture

HEADS = 5 * 3  # Cs and seeds
EPOCHS = 10
VIEWS = (1, 10)
TARGETS = {1: 100, 10: 10}  # times faster, by views
SIDE = 300  # pixels of the pictures


def open_images(count: int) -> list:
    """Pictures that are decoded when they are looked at."""
    from PIL import Image

    return [Image.open(io.BytesIO(content)) for content in draw_jpegs(count, SIDE)]


def make_recipe(batch: int):
    from lib.finetune import Recipe

    return Recipe(epochs=EPOCHS, batch_size=batch)


def prepare_ours(model: str, measured: int, pairs: int, batch: int) -> Callable[[], dict]:
    """Features of the measured pairs, once; then all heads, on as many pairs as are asked for."""
    import torch

    from lib.features import extract_images, extract_texts
    from lib.finetune import FeaturePairs, finetune
    from lib.models import get_tokenizer, get_transform

    architecture = get_architecture(model)
    towers, head = build_towers(model)
    transform, tokenize = get_transform(architecture), get_tokenizer(architecture)
    captions, device, recipe = draw_captions(measured), torch.device("cpu"), make_recipe(batch)

    def train(pairs: FeaturePairs, seed: int) -> np.ndarray:
        first = []
        finetune(head, pairs, lambda head: first.append(head) or 0.0, recipe, seed)
        return first[0].image_projection

    def run() -> dict:
        found = {}

        def extract() -> None:
            found["images"] = extract_images(
                towers, open_images(measured), transform, batch, device
            )

        seconds = {"images": time_action(extract)}
        seconds["texts"] = time_action(
            lambda: found.update(texts=extract_texts(towers, tokenize, captions, batch, device))
        )
        rows = np.arange(measured)
        projection = train(FeaturePairs([found["images"][None]], rows, found["texts"], rows), 0)
        rows = np.arange(pairs)
        images, texts = (found[name][rows % measured] for name in ("images", "texts"))
        for views in VIEWS:
            seen = [np.broadcast_to(images, (views, *images.shape))]
            some = FeaturePairs(seen, rows, texts, rows)
            heads = time_action(lambda some=some: [train(some, seed) for seed in range(HEADS)])
            seconds[f"heads, views {views}"] = heads
        return {"seconds": seconds, "projection": projection[:4, :4].tolist()}

    return run


def prepare_original(model: str, measured: int, batch: int) -> Callable[[], dict]:
    """One epoch of one Cs: at each step images are decoded and encoded, and so are captions."""
    import torch

    from lib.finetune import contrastive_loss, epoch_order, learning_rates
    from lib.models import get_tokenizer, get_transform

    architecture, recipe = get_architecture(model), make_recipe(batch)
    towers, head = build_towers(model)
    transform, tokenize = get_transform(architecture), get_tokenizer(architecture)
    captions = draw_captions(measured)

    def run() -> dict:
        images = open_images(measured)
        weights = [torch.tensor(each, requires_grad=True) for each in head[:2]]
        optimiser = torch.optim.AdamW(
            weights, weight_decay=recipe.weight_decay, betas=recipe.betas, eps=recipe.eps
        )
        steps = measured // batch
        rates = learning_rates(recipe, steps)
        for rate, rows in zip(rates, epoch_order(measured, 0, 0).split(batch), strict=False):
            if len(rows) < batch:
                break
            optimiser.param_groups[0]["lr"] = rate
            pixels = torch.stack([transform(images[row]) for row in rows.tolist()])
            tokens = tokenize([captions[row] for row in rows.tolist()])
            with torch.no_grad():
                # captions by open_clip itself, which computes their padding, too
                seen, read = towers.encode_image(pixels), towers.model.encode_text(tokens)
            loss = contrastive_loss(seen @ weights[0], read @ weights[1], head.logit_scale)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return {"projection": weights[0].detach()[:4, :4].tolist(), "pairs": steps * batch}

    return run


def measure_rows(settings: Settings) -> list[Row]:
    model = settings.choose(TINY, "ViT-B-32", "ViT-B-32")
    measured = settings.choose(32, 500, 1_000)
    pairs = settings.choose(32, 500, 5_000)
    arguments = {"model": model, "measured": measured, "batch": settings.choose(8, 125, 250)}
    sides = {
        "original": Side("experiment3", "prepare_original", arguments),
        "ours": Side("experiment3", "prepare_ours", arguments | {"pairs": pairs}),
    }
    costs = compare(sides, 1, settings.in_process)
    original, ours = (some[0].found for some in costs.values())
    seconds, scale = ours["seconds"], pairs / measured
    epoch = median_seconds(costs["original"]) * pairs / original["pairs"]
    whole = HEADS * EPOCHS * epoch
    table = [["re-encoding", f"{whole:,.0f}", "", "", f"{epoch:.1f} an epoch"]]
    ratios = {}
    for views in VIEWS:
        images, texts = scale * views * seconds["images"], scale * seconds["texts"]
        heads = seconds[f"heads, views {views}"]
        ratios[views] = whole / (images + texts + heads)
        total = f"{images + texts + heads:,.0f}"
        table.append(
            [f"ours, views {views}", total, f"{images:.0f}", f"{texts:.0f}", f"{heads:.1f}"]
        )
    difference = np.abs(np.subtract(original["projection"], ours["projection"])).max()
    told = ", ".join(f"{ratio:.0f} times (views: {views})" for views, ratio in ratios.items())
    return [
        Row(
            f"experiment 3: 5 Cs x 3 seeds, {EPOCHS} epochs, {pairs:,} pairs, {Path(model).stem}",
            f"re-encoding at each step (an epoch of one Cs on {measured:,} pairs, scaled)",
            "100 times faster with views: 1, 10 times with views: 10",
            told,
            tell(all(ratios[views] >= target for views, target in TARGETS.items())),
            [
                format_table(["side", "seconds", "images", "captions", "heads"], table),
                f"Towers of both sides are timed on {measured:,} pairs and scaled; heads are "
                "trained on all pairs (features repeated). Without the time of heads and of "
                f"captions the ratios would be {HEADS * EPOCHS} and {HEADS}. Largest difference of "
                "a weight of the projection after the first epoch of both, on the same crops: "
                f"{difference:.0e}.",
            ],
        )
    ]
