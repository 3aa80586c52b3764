"""Features of images from shards, beside bare forward passes and CLIP_benchmark's extraction."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.measuring import PEERS, Side, compare, median_ratio, median_seconds
from benchmarks.settings import Row, Settings, format_table, tell
from benchmarks.towers import (
    CORES,
    CPU_BATCH,
    SHOWN,
    TINY,
    build_towers,
    get_architecture,
    make_key,
    write_shards,
)
from benchmarks.towers import summarise_features as summarise

SIDE = 300  # pixels of the pictures in the shards


def prepare_forward(
    model: str, shards: list[str], count: int, batch: int, device: str = "cpu"
) -> Callable[[], list]:
    """Forward passes alone, on tensors that are ready."""
    import torch

    from lib.zeroshot import embed

    towers, head = build_towers(model)
    towers.to(device)
    # copies: what processes hand over is shared memory, and a file is open for each
    pixels = torch.stack([each.clone() for each in read_pixels(model, shards, count)]).to(device)
    images, encode = towers.normalise(pixels), towers.model.encode_image

    @torch.inference_mode()
    @torch.autocast(device, torch.bfloat16, enabled=device != "cpu")
    def run() -> list:
        features = torch.cat([encode(part).float() for part in images.split(batch)])
        return summarise(embed(features[:SHOWN].cpu().numpy(), head.image_projection))

    return run


def prepare_ours(
    model: str, shards: list[str], count: int, batch: int, device: str = "cpu"
) -> Callable[[], list]:
    """The study's extraction, from the shards to the file of features."""
    import torch

    from lib.features import extract_views
    from lib.models import get_transform
    from lib.precision import count_decoders
    from lib.zeroshot import embed

    towers, head = load_towers(model, device)
    transform = get_transform(get_architecture(model))
    keys = [make_key(number) for number in range(count)]
    where = torch.device(device)
    workers = count_decoders(where, CORES)

    def run() -> list:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name, "features.npy")
            extract_views(
                path, towers, shards, keys, transform, 1, 0, batch, where, workers=workers
            )
            return summarise(embed(np.load(path)[0, :SHOWN], head.image_projection))

    return run


def prepare_decoding(model: str, shards: list[str], count: int) -> Callable[[], int]:
    """What the study's extraction does beside the towers, on all cores: decode and transform."""

    def run() -> int:
        return sum(1 for _ in read_pixels(model, shards, count))

    return run


def prepare_peer(
    model: str, shards: list[str], count: int, batch: int, device: str = "cpu"
) -> Callable[[], list]:
    """CLIP_benchmark's zero-shot evaluation, with unit vectors for classes: it then yields the
    embeddings themselves (times 100). Its features for a linear probe ask for a GPU."""
    import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

    # isort: split
    import torch
    from clip_benchmark.datasets.builder import build_dataset
    from clip_benchmark.metrics.zeroshot_classification import run_classification
    from open_clip.transform import PreprocessCfg, image_transform_v2

    from lib.models import build_model

    architecture = get_architecture(model)
    towers = build_model(architecture, seed=0).eval().to(device)
    transform = image_transform_v2(PreprocessCfg(**towers.visual.preprocess_cfg), is_train=False)
    classes = torch.eye(architecture["embed_dim"], device=device)

    def run() -> list:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "test")
            folder.mkdir()
            (folder / "nshards.txt").write_text(str(len(shards)))
            for number, shard in enumerate(shards):
                (folder / f"{number}.tar").symlink_to(shard)
            for file in ("classnames.txt", "zeroshot_classification_templates.txt"):
                Path(name, file).write_text("{c}")
            data = build_dataset("wds/benchmark", root=name, transform=transform, split="test")
            loader = torch.utils.data.DataLoader(
                data.batched(batch), batch_size=None, num_workers=CORES
            )
            logits, _ = run_classification(towers, classes, loader, device, amp=device != "cpu")
        if len(logits) != count:
            raise RuntimeError(f"CLIP_benchmark found {len(logits)} images, expected {count}")
        return summarise(logits.float().cpu().numpy() / 100)

    return run


def load_towers(model: str, device: str):
    """Towers in the precision that the device is best at, and the head that was taken off."""
    import torch

    from lib.precision import set_precision

    towers, head = build_towers(model)
    precision = "float32" if device == "cpu" else "bfloat16"
    return set_precision(towers.to(device), precision, torch.device(device)), head


def read_pixels(model: str, shards: list[str], count: int) -> Iterator:
    """Pixels of the shards' images as the model wants them, decoded on all cores."""
    from lib.ahead import transform_ahead
    from lib.corpus import select_samples
    from lib.features import decode_first
    from lib.models import get_transform

    decode = decode_first(get_transform(get_architecture(model)))
    keys = [make_key(number) for number in range(count)]
    return transform_ahead(decode, select_samples(shards, keys), CORES)


def measure_rows(settings: Settings) -> list[Row]:
    model = settings.choose(TINY, "ViT-B-32", "ViT-B-32")
    count = settings.choose(40, 192, 512)
    with tempfile.TemporaryDirectory() as name:
        shards = write_shards(Path(name), count, SIDE)
        arguments = {"model": model, "shards": shards, "count": count, "batch": CPU_BATCH}
        sides = {
            "forward passes": Side("extraction", "prepare_forward", arguments),
            "ours": Side("extraction", "prepare_ours", arguments),
        }
        if PEERS.exists() and not settings.in_process:
            sides["CLIP_benchmark"] = Side("extraction", "prepare_peer", arguments, python=PEERS)
        costs = compare(sides, settings.choose(1, 3, 5), settings.in_process)
    return [make_row(model, count, costs)]


def make_row(model: str, count: int, costs: dict) -> Row:
    """Rates of all sides, and ratios to ours."""
    ratios = {name: median_ratio(costs[name], costs["ours"]) for name in costs if name != "ours"}
    embeddings = [np.array(some[0].found) for some in costs.values()]
    difference = max(np.abs(each - embeddings[0]).max() for each in embeddings)
    table = [
        [
            name,
            f"{count / median_seconds(some):.1f}",
            f"{max(cost.peak for cost in some):,.0f}",
        ]
        for name, some in costs.items()
    ]
    told = [f"{ratio:.2f} of {name}" for name, ratio in ratios.items()]
    peer = ratios.get("CLIP_benchmark")
    holds = tell(ratios["forward passes"] >= 0.9 and (peer is None or peer >= 1))
    return Row(
        f"feature extraction from shards, images/s, {Path(model).stem}, {count:,} images",
        "a loop of forward passes on ready tensors; CLIP_benchmark's extraction",
        "0.9 of the former, 1.0 of the latter",
        ", ".join(told),
        holds if peer is not None else f"{holds} (CLIP_benchmark is not set up)",
        [
            format_table(["side", "images/s", "peak MiB"], table),
            f"JPEG files of {SIDE} pixels, batches of {CPU_BATCH}. Ours decodes in the process "
            "that computes, and writes the features; CLIP_benchmark decodes in processes "
            f"beside, and projects. Largest difference of embeddings: {difference:.0e}.",
        ],
    )
