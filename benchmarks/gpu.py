"""What a GPU is asked for: extraction against bare forward passes, and all heads of the study."""

from collections.abc import Callable

from benchmarks.measuring import Side, measure
from benchmarks.settings import Row, Settings, draw_jpegs, format_table, tell

PAIRS, BATCH, EPOCHS = 100_000, 1024, 10
HEADS = 5 * 2 * 3  # Cs, strategies, seeds
MODEL = "laclip_ViT-B-16"


def prepare_forward(count: int, batch: int, device: str) -> Callable[[], dict]:
    """Forward passes in bfloat16 on tensors that lie on the device."""
    import torch

    towers, _ = _build(device)
    pixels = torch.randn(batch, 3, 224, 224, device=device)
    pixels = pixels.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> dict:
        for _ in range(count // batch):
            towers.encode_image(pixels)
        return _end(device)

    return run


def prepare_extraction(count: int, batch: int, device: str) -> Callable[[], dict]:
    """The study's extraction of JPEG files, which a thread of each core decodes."""
    import io
    import os

    import torch
    from PIL import Image

    from lib.features import extract_images
    from lib.models import get_transform

    towers, architecture = _build(device)
    transform, files = get_transform(architecture), draw_jpegs(count, 256)
    threads = os.cpu_count()

    def decode(content: bytes) -> torch.Tensor:
        return transform(Image.open(io.BytesIO(content)).convert("RGB"))

    def run() -> dict:
        extract_images(towers, files, decode, batch, torch.device(device), threads=threads)
        return _end(device)

    return run


def _build(device: str):
    import torch

    from benchmarks.towers import build_towers, get_architecture
    from lib.precision import set_precision

    name = f"config/architectures/{MODEL}.json"
    precision = "bfloat16" if device == "cuda" else "float32"
    towers = build_towers(name)[0].to(device, memory_format=torch.channels_last)
    return set_precision(towers, precision, torch.device(device)), get_architecture(name)


def _end(device: str) -> dict:
    """Wait for the device; MiB that it held at most."""
    import torch

    if device != "cuda":
        return {"MiB": 0.0}
    torch.cuda.synchronize()
    return {"MiB": torch.cuda.max_memory_allocated() / 2**20}


def measure_rows(settings: Settings) -> list[Row]:
    import torch

    what = "on a GPU: feature extraction ViT-B/16 in bfloat16; all heads of the study"
    target = "70% of forward passes; 60 s for all heads of 100,000 pairs"
    beside = "forward passes alone; head after head"
    if not torch.cuda.is_available():
        return [Row(what, beside, target, "", "not measured: no GPU here", ["No GPU."])]
    count, batch = 8192, 256
    arguments = {"count": count, "batch": batch, "device": "cuda"}
    forward = measure(Side("gpu", "prepare_forward", arguments, 3))
    ours = measure(Side("gpu", "prepare_extraction", arguments))
    steps = 20
    arguments = {"heads": HEADS, "steps": steps, "batch": BATCH, "count": PAIRS, "device": "cuda"}
    whole = PAIRS // BATCH * EPOCHS / steps
    single = measure(Side("many_heads", "prepare_single", arguments, 3)).seconds * whole
    batched = measure(Side("many_heads", "prepare_batched", arguments, 3)).seconds * whole
    share = forward.seconds / ours.seconds
    table = [
        ["forward passes, images/s", f"{count / forward.seconds:,.0f}"],
        ["extraction with decoding, images/s", f"{count / ours.seconds:,.0f}"],
        ["peak of the device, MiB", f"{ours.found['MiB']:,.0f}"],
        ["all heads, one after another, s", f"{single:.0f}"],
        ["all heads, batched, s", f"{batched:.0f}"],
    ]
    return [
        Row(
            what,
            beside,
            target,
            f"{share:.2f} of forward passes; {min(single, batched):.0f} s",
            tell(share >= 0.7 and min(single, batched) < 60),
            [torch.cuda.get_device_name(), format_table(["what", "measured"], table)],
        )
    ]
