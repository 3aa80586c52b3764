"""The memory that extraction takes must not grow with the corpus."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import Side, measure
from benchmarks.settings import Row, Settings, format_table, tell
from benchmarks.towers import GLYPHS, build_towers, get_architecture, make_key, write_images

BATCH = 256


def prepare_ours(shard: str, count: int) -> Callable[[], None]:
    """Features of all images of a shard, with the embedded study's small tower."""
    import torch

    from lib.features import extract_views
    from lib.models import get_transform

    towers, _ = build_towers(GLYPHS)
    transform = get_transform(get_architecture(GLYPHS))
    keys = [make_key(number) for number in range(count)]

    def run() -> None:
        with tempfile.TemporaryDirectory() as name:
            device = torch.device("cpu")
            path = Path(name, "features.npy")
            extract_views(path, towers, [shard], keys, transform, 1, 0, BATCH, device)

    return run


def measure_rows(settings: Settings) -> list[Row]:
    sizes = settings.choose((20, 40), (2_000, 20_000), (2_000, 20_000))
    costs = {}
    with tempfile.TemporaryDirectory() as name:
        for size in sizes:
            shard = str(Path(name, f"{size}.tar"))
            write_images(shard, size, 32)
            side = Side("extraction_memory", "prepare_ours", {"shard": shard, "count": size})
            costs[size] = measure(side, settings.in_process)
    small, large = (cost.peak for cost in costs.values())
    growth = 100 * (large / small - 1)
    table = [
        [f"{size:,}", f"{cost.peak:,.1f}", f"{cost.above:,.1f}", f"{size / cost.seconds:,.0f}"]
        for size, cost in costs.items()
    ]
    return [
        Row(
            "extraction memory",
            f"corpora of {sizes[0]:,} and {sizes[1]:,} images",
            "peak grows by less than 5%",
            f"{growth:+.1f}%",
            tell(growth < 5),
            [
                format_table(["images", "peak MiB", "above the start", "images/s"], table),
                "The embedded study's tower (32 pixels), one shard. Memory is that of the "
                "process; features go to their file as they come.",
            ],
        )
    ]
