"""What a GPU is asked for: extraction, all heads of the study, silhouettes and pruning."""

import importlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.extraction import SIDE
from benchmarks.measuring import PEERS, Cost, Side, measure
from benchmarks.settings import Row, Settings, format_table, tell
from benchmarks.towers import write_images

DEVICE = "cuda"
MODEL = "config/architectures/laclip_ViT-B-16.json"
IMAGES, IMAGE_BATCH = 8192, 256
PAIRS, PAIR_BATCH, EPOCHS, STEPS = 100_000, 1024, 10, 20
HEADS = 5 * 2 * 3  # Cs, strategies, seeds
EMBEDDINGS, CLASSES = 10_000, 100


def prepare_watched(module: str, function: str, arguments: dict, device: str) -> Callable[[], dict]:
    """A side on a device: what it finds, when the device has finished, and the memory it took."""
    import torch

    prepare = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    action = prepare(**arguments, device=device)

    def run() -> dict:
        found = action()
        if device == "cpu":
            return {"found": found, "MiB": 0.0}
        torch.cuda.synchronize()
        return {"found": found, "MiB": torch.cuda.max_memory_allocated() / 2**20}

    return run


def watch(module: str, function: str, python: Path | None = None, **arguments) -> Cost:
    """Measure a side on the GPU: after a first run, which pays for its start."""
    watched = {"module": module, "function": function, "arguments": arguments, "device": DEVICE}
    return measure(Side("gpu", "prepare_watched", watched, repeats=2, python=python))


def measure_rows(settings: Settings) -> list[Row]:
    import torch

    if not torch.cuda.is_available():
        what = "on a GPU: extraction with ViT-B/16, all heads of the study, silhouettes, pruning"
        return [Row(what, "see `benchmarks/gpu.py`", "", "", "not measured: no GPU here", [])]
    return [measure_extraction(), measure_heads(), measure_silhouettes()]


def measure_extraction() -> Row:
    """Images/s from a shard, against forward passes, decoding and CLIP_benchmark."""
    with tempfile.TemporaryDirectory() as name:
        shard = str(Path(name, "images.tar"))
        write_images(shard, IMAGES, SIDE)
        images = {"model": MODEL, "shard": shard, "count": IMAGES}
        batches = images | {"batch": IMAGE_BATCH}
        costs = {
            "forward passes": watch("extraction", "prepare_forward", **batches),
            "ours": watch("extraction", "prepare_ours", **batches),
        }
        if PEERS.exists():
            costs["CLIP_benchmark"] = watch("extraction", "prepare_peer", PEERS, **batches)
        decoding = measure(Side("extraction", "prepare_decoding", images, repeats=2))
    share = costs["forward passes"].seconds / costs["ours"].seconds
    limit = max(costs["forward passes"].seconds, decoding.seconds) / costs["ours"].seconds
    told = f"{share:.2f} of forward passes"
    if decoding.seconds > costs["forward passes"].seconds:
        told += f"; decoding on {os.cpu_count()} cores is the limit: {limit:.2f} of it"
    holds = limit >= 0.7
    if "CLIP_benchmark" in costs:
        faster = costs["CLIP_benchmark"].seconds / costs["ours"].seconds
        told += f"; {faster:.2f} of CLIP_benchmark"
        holds = holds and faster >= 1
    table = [
        [name, f"{IMAGES / cost.seconds:,.0f}", f"{cost.found['MiB']:,.0f}", f"{cost.peak:,.0f}"]
        for name, cost in costs.items()
    ]
    table.append(
        ["decoding alone", f"{IMAGES / decoding.seconds:,.0f}", "", f"{decoding.peak:,.0f}"]
    )
    headings = ["side", "images/s", "MiB of the GPU", "MiB of the machine"]
    return Row(
        f"{_name_gpu()}: feature extraction ViT-B/16 in bfloat16 from a shard",
        "forward passes alone; CLIP_benchmark's extraction",
        "0.7 of the former, or of decoding where that is slower; 1.0 of the latter",
        told,
        tell(holds),
        [format_table(headings, table)],
    )


def measure_heads() -> Row:
    """All heads of the study for 100,000 pairs, one after another and in one batched pass."""
    arguments = {"heads": HEADS, "steps": STEPS, "batch": PAIR_BATCH, "count": PAIRS}
    whole = PAIRS // PAIR_BATCH * EPOCHS / STEPS
    single = watch("many_heads", "prepare_single", **arguments)
    batched = watch("many_heads", "prepare_batched", **arguments)
    seconds = {"one after another": whole * single.seconds, "batched": whole * batched.seconds}
    memory = [each.found["MiB"] for each in (single, batched)]
    difference = np.abs(np.subtract(single.found["found"], batched.found["found"])).max()
    table = [
        [name, f"{each:.1f}", f"{used:,.0f}"]
        for (name, each), used in zip(seconds.items(), memory, strict=True)
    ]
    return Row(
        f"{_name_gpu()}: all {HEADS} heads of {PAIRS:,} pairs, {EPOCHS} epochs, batch {PAIR_BATCH}",
        "head after head; all in one batched pass",
        "60 s",
        "; ".join(f"{name} {each:.0f} s" for name, each in seconds.items()),
        tell(seconds["one after another"] < 60),
        [
            format_table(["how", "s", "MiB of the GPU"], table),
            f"{STEPS} steps of each head are measured, and scaled. The study trains head after "
            f"head. Largest difference of a weight: {difference:.0e}.",
        ],
    )


def measure_silhouettes() -> Row:
    """Silhouette and pruning sweep on the GPU beside the study's own, on the CPU."""
    shapes = {
        "silhouette": ("silhouettes", {"count": EMBEDDINGS, "classes": CLASSES}),
        "pruning": ("pruning", {"count": EMBEDDINGS}),
    }
    table, told, worst = [], [], 0.0
    for name, (module, arguments) in shapes.items():
        ours = measure(Side(module, "prepare_ours", arguments, repeats=2))
        there = watch("gpu_pruning", f"prepare_{name}", **arguments)
        ratio = ours.seconds / there.seconds
        told.append(f"{name} {ratio:.1f} times as fast")
        worst = max(worst, np.abs(np.subtract(ours.found, there.found["found"])).max())
        seconds = (f"{each.seconds:.4f}" for each in (ours, there))
        table.append([name, *seconds, f"{there.found['MiB']:,.0f}"])
    return Row(
        f"{_name_gpu()}: silhouette and pruning sweep of {EMBEDDINGS:,} images in float64",
        "the study's own, on the CPU",
        "where it pays",
        ", ".join(told),
        "the study computes both on the CPU",
        [
            format_table(["what", "CPU, s", "GPU, s", "MiB of the GPU"], table),
            f"Largest difference of an accuracy or silhouette: {worst:.0e}.",
        ],
    )


def _name_gpu() -> str:
    import torch

    return torch.cuda.get_device_name()
