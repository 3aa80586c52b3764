"""What a GPU is asked for: extraction, all heads of the study, silhouettes and pruning."""

import importlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.extraction import SIDE
from benchmarks.measuring import PEERS, THREADS, Cost, Side, measure
from benchmarks.settings import Row, Settings, format_table, tell
from benchmarks.towers import CORES, write_shards

DEVICE = "cuda"
MODEL = "config/architectures/laclip_ViT-B-16.json"
IMAGES, IMAGE_BATCH = 32_768, 256
READY = 8192  # images whose pixels lie on the GPU: 0.6 MB each
PAIRS, PAIR_BATCH, EPOCHS, STEPS = 100_000, 1024, 10, 20
HEADS = 5 * 2 * 3  # Cs, strategies, seeds
WHOLE_HEADS = 2  # of these, fine-tuned whole
VALIDATION = 50_000  # images, as many as ImageNet has
EMBEDDINGS, CLASSES = 10_000, 100


def prepare_watched(module: str, function: str, arguments: dict, device: str) -> Callable[[], dict]:
    """A side on a device: what it finds, when the device has finished, and the memory it took.

    The study's own sides run as its jobs do, by deterministic algorithms.
    """
    import torch

    from lib.devices import select_device

    if device != "cpu" and function != "prepare_peer":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        select_device(device)
    prepare = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    action = prepare(**arguments, device=device)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()

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

    if settings.in_process or not torch.cuda.is_available():
        what = "on a GPU: extraction with ViT-B/16, all heads of the study, silhouettes, pruning"
        why = "smoke" if settings.in_process else "no GPU here"
        return [Row(what, "see `benchmarks/gpu.py`", "as there", "", f"not measured: {why}", [])]
    return [measure_extraction(), measure_heads(), measure_silhouettes()]


def measure_extraction() -> Row:
    """Images/s from shards, against forward passes, decoding and CLIP_benchmark."""
    with tempfile.TemporaryDirectory() as name:
        images = {"model": MODEL, "shards": write_shards(Path(name), IMAGES, SIDE), "count": IMAGES}
        batches = images | {"batch": IMAGE_BATCH}
        ready = batches | {"count": READY}
        costs = {
            "forward passes": watch("extraction", "prepare_forward", **ready),
            "ours": watch("extraction", "prepare_ours", **batches),
        }
        if PEERS.exists():
            costs["CLIP_benchmark"] = watch("extraction", "prepare_peer", PEERS, **batches)
        decoding = measure(Side("extraction", "prepare_decoding", images, repeats=2))
    rates = {name: IMAGES / cost.seconds for name, cost in costs.items()}
    forward = rates["forward passes"] = READY / costs["forward passes"].seconds
    ours, decoded = rates.pop("ours"), IMAGES / decoding.seconds
    told = "; ".join(f"{ours / rate:.2f} of {name}" for name, rate in rates.items())
    if decoded < forward:
        told += f"; decoding on {CORES} cores is the limit: {ours / decoded:.2f} of it"
    peer = rates.get("CLIP_benchmark")
    holds = tell(ours >= 0.7 * min(forward, decoded) and (peer is None or ours >= peer))
    table = [
        [name, f"{rate:,.0f}", f"{costs[name].found['MiB']:,.0f}", f"{costs[name].peak:,.0f}"]
        for name, rate in (rates | {"ours": ours}).items()
    ]
    table.append([f"decoding alone, {CORES} cores", f"{decoded:,.0f}", "", f"{decoding.peak:,.0f}"])
    embeddings = [np.array(cost.found["found"]) for cost in costs.values()]
    difference = max(np.abs(each - embeddings[0]).max() for each in embeddings)
    return Row(
        f"{_name_gpu()}: feature extraction ViT-B/16 in bfloat16 from shards",
        "forward passes alone; CLIP_benchmark's extraction",
        "0.7 of the former, or of decoding where that is slower; 1.0 of the latter",
        told,
        holds if peer is not None else f"{holds} (CLIP_benchmark is not set up)",
        [
            format_table(["side", "images/s", "MiB of the GPU", "MiB of the machine"], table),
            f"Pixels of the forward passes lie on the GPU. {_describe_sides()} Largest difference "
            f"of an embedding (CLIP_benchmark computes in float16): {difference:.0e}.",
        ],
    )


def measure_heads() -> Row:
    """All heads of the study for 100,000 pairs: whole, and their steps one by one or batched."""
    arguments = {"heads": HEADS, "steps": STEPS, "batch": PAIR_BATCH, "count": PAIRS}
    steps = PAIRS // PAIR_BATCH * EPOCHS / STEPS
    single = watch("many_heads", "prepare_single", **arguments)
    batched = watch("many_heads", "prepare_batched", **arguments)
    arguments = {"epochs": EPOCHS, "batch": PAIR_BATCH, "count": PAIRS, "validation": VALIDATION}
    tuned = watch("many_heads", "prepare_whole", heads=WHOLE_HEADS, **arguments)
    seconds = {
        "whole fine-tunes": HEADS / WHOLE_HEADS * tuned.seconds,
        "their steps, one after another": steps * single.seconds,
        "their steps, batched": steps * batched.seconds,
    }
    memory = [each.found["MiB"] for each in (tuned, single, batched)]
    difference = np.abs(np.subtract(single.found["found"], batched.found["found"])).max()
    table = [
        [name, f"{each:.1f}", f"{used:,.0f}"]
        for (name, each), used in zip(seconds.items(), memory, strict=True)
    ]
    return Row(
        f"{_name_gpu()}: all {HEADS} heads of {PAIRS:,} pairs, {EPOCHS} epochs, batch {PAIR_BATCH}",
        "their steps alone, head after head and in one batched pass",
        "60 s",
        "; ".join(f"{name} {each:.0f} s" for name, each in seconds.items()),
        tell(seconds["whole fine-tunes"] < 60),
        [
            format_table(["how", "s", "MiB of the GPU"], table),
            f"{WHOLE_HEADS} fine-tunes are measured, with all that they do: features gathered, "
            f"each epoch's head validated on {VALIDATION:,} images; of all heads {STEPS} steps; "
            "and scaled. The study trains head after head. Largest difference of a weight: "
            f"{difference:.0e}.",
        ],
    )


def measure_silhouettes() -> Row:
    """Silhouette and pruning sweep on the GPU beside the study's own, on the CPU."""
    sides = {
        "silhouette": ("silhouettes", {"count": EMBEDDINGS, "classes": CLASSES}),
        "pruning": ("pruning", {"count": EMBEDDINGS}),
    }
    table, told, worst = [], [], 0.0
    for name, (module, arguments) in sides.items():
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
            f"{_describe_sides()} Largest difference of an accuracy or silhouette: {worst:.0e}.",
        ],
    )


def _describe_sides() -> str:
    from benchmarks.download import describe_machine  # needs psutil, which peers have not

    return f"Beside the GPU: {describe_machine()}, {THREADS} threads of PyTorch and NumPy."


def _name_gpu() -> str:
    import torch

    return torch.cuda.get_device_name()
