"""Measures how the stages of a study grow with its corpus, and tells what large ones would cost.

    python benchmarks/scaling.py LIST.tsv   # real captions, such as CC3M's; writes docs/scaling.md

Under ten minutes on one idle core. Stages are measured at several small sizes (each in a process of
its own, `benchmarks/scaling_probes.py`), a power of the size is fitted to each, and followed to the
sizes of the page. What a GPU does is counted in operations, not measured.
"""

import argparse
import json
import logging
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.download import describe_machine
from benchmarks.settings import format_table
from docs.update import write_text

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "config/cc3m-full.yaml"
SIZES = {"100 thousand": 10**5, "3.3 million": 3_318_333, "12 million": 12 * 10**6}
SIZES |= {"400 million": 4 * 10**8}
# Rows of a shard and shards of a job that extracts features, by size.
SHARDS = {10**5: (5_000, 5), 3_318_333: (10_000, 20), 12 * 10**6: (10_000, 20)}
SHARDS |= {4 * 10**8: (100_000, 2)}
PROBED = {
    "images": [1_000],
    "towers": [8],
    "tabulate": [50_000, 100_000, 200_000, 400_000],
    "product": [100_000, 200_000, 400_000, 1_000_000],
    "swap": [25_000, 50_000, 100_000],
    "finetune": [10_240, 20_480, 40_960],
}
# Not measured: what is assumed of images, and of a GPU.
DOWNLOADED, STORED = 100e3, 35e3  # bytes of a picture as it comes, and at 256 pixels
GPU = 1e14  # operations in a second, of a GPU that is kept busy
IMAGE_WIDTH, TEXT_WIDTH, DIM, BATCH = 768, 512, 512, 1024


class Growth(NamedTuple):
    """Cost of a stage: `cost` at `size` (the largest measured), growing with size ** exponent."""

    size: int
    cost: float
    exponent: float

    def at(self, size: int) -> float:
        return self.cost * (size / self.size) ** self.exponent


class Plan(NamedTuple):
    """A dry run: jobs by rule, and the seconds of the CPU that it took."""

    jobs: dict[str, int]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", type=Path, help="TSV of caption and URL")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    write_text(ROOT / "docs/scaling.md", write_page(parser.parse_args().list))


def write_page(links: Path) -> str:
    """Measure everything; the text of the page."""
    seconds, memory = measure(links)
    plans = {size: plan(size) for size in SIZES.values()}
    costs = {name: costs for name, costs in seconds.items() if len(costs) > 1}
    growth = {name: fit(costs) for name, costs in costs.items()}
    slopes = {stage: fit_slope(peaks) for stage, peaks in memory.items() if len(peaks) > 1}
    single = {name: next(iter(costs.values())) for name, costs in seconds.items()}
    template = (ROOT / "benchmarks/scaling_page.md").read_text()
    return template.format(
        date=date.today().isoformat(),
        machine=describe_machine(),
        load=f"{os.getloadavg()[2]:.0f}",
        captions=f"{len(links.read_text(encoding='utf-8').splitlines()):,}",
        growth=tabulate_growth(costs, growth, slopes),
        stages=tabulate_stages(growth, slopes, single),
        plans=tabulate_plans(plans),
        jobs=tabulate_jobs(plans[SIZES["3.3 million"]].jobs),
        product_1m=f"{growth['TF-IDF product'].at(10**6) / 60:.0f}",
        product_12m=f"{growth['TF-IDF product'].at(12 * 10**6) / 3600:.0f}",
        product_400m=format_hours(growth["TF-IDF product"].at(4 * 10**8)),
        image_gflop=f"{single['image FLOP'] / 1e9:.1f}",
        text_gflop=f"{single['text FLOP'] / 1e9:.1f}",
        images_per_second=f"{1 / single['image seconds']:.1f}",
        finetune_memory=format_bytes(12e6 * slopes["finetune"] * 1.048576),
        plan_seconds=f"{plans[SIZES['3.3 million']].seconds:.1f}",
        gpu=f"{GPU / 1e12:.0f}",
        stored=f"{STORED / 1e3:.0f}",
        downloaded=f"{DOWNLOADED / 1e3:.0f}",
    )


def measure(links: Path) -> tuple[dict[str, dict[int, float]], dict[str, dict[int, float]]]:
    """Seconds by what was measured and size, and peak MiB by stage and size."""
    seconds: dict[str, dict[int, float]] = {}
    memory: dict[str, dict[int, float]] = {}
    script = str(ROOT / "benchmarks/scaling_probes.py")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for stage, sizes in PROBED.items():
        for size in sizes:
            command = [sys.executable, script, stage, str(size), str(links)]
            output = subprocess.run(
                command, check=True, capture_output=True, text=True, env=environment
            ).stdout
            found = json.loads(output)
            logger.info("%s at %s: %s", stage, f"{size:,}", found)
            memory.setdefault(stage, {})[size] = found["MiB"]
            for name, value in found["seconds"].items():
                seconds.setdefault(name, {})[size] = value
    return seconds, memory


def fit(costs: dict[int, float]) -> Growth:
    """A power of the size, by least squares of the logarithms."""
    exponent, _ = np.polyfit(np.log(list(costs)), np.log(list(costs.values())), 1)
    largest = max(costs)
    return Growth(largest, costs[largest], float(exponent))


def fit_slope(peaks: dict[int, float]) -> float:
    """MiB for each million of pairs, by least squares."""
    slope, _ = np.polyfit(list(peaks), list(peaks.values()), 1)
    return float(slope) * 1e6


def plan(size: int) -> Plan:
    """Dry run of the study of all of CC3M with another number of rows."""
    config = yaml.safe_load(STUDY.read_text())
    pairs_per_shard, shards_per_job = SHARDS[size]
    config["corpus"] |= {"rows": size, "pairs": size, "pairs_per_shard": pairs_per_shard}
    config["finetune"] |= {"shards_per_job": shards_per_job}
    before = count_cpu()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "study.yaml")
        path.write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "-n", "--configfile", str(path)]
        output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    rows = re.findall(r"^(\w+) +(\d+)$", output.stdout, re.MULTILINE)
    found = Plan({rule: int(count) for rule, count in rows}, count_cpu() - before)
    logger.info("plan at %s: %d jobs, %.1f s", f"{size:,}", found.jobs["total"], found.seconds)
    return found


def count_cpu() -> float:
    """Seconds of the CPU of all processes that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tabulate_growth(
    costs: dict[str, dict[int, float]], growth: dict[str, Growth], slopes: dict[str, float]
) -> str:
    """What was measured, and the exponents."""
    owners = {"TF-IDF vectors": "product", "find_neighbours": "swap", "swap_captions": "swap"}
    owners |= {"tabulate_corpus": "tabulate", "finetune_heads": "finetune"}
    rows = []
    for name, measured in costs.items():
        owner = owners.get(name)
        rows.append(
            [
                name,
                ", ".join(f"{cost:.2g} s at {size:,}" for size, cost in measured.items()),
                f"{growth[name].exponent:.2f}",
                f"{slopes[owner]:,.0f}" if owner else "",
            ]
        )
    return format_table(["stage", "CPU, one thread", "exponent", "MiB per million pairs"], rows)


def tabulate_stages(
    growth: dict[str, Growth], slopes: dict[str, float], single: dict[str, float]
) -> str:
    """What each stage would cost at each size."""
    epoch = 6 * ((IMAGE_WIDTH + TEXT_WIDTH) * DIM + BATCH * DIM)  # forward and backward, a pair
    rows = []

    def add(stage: str, what: str, values: Sequence[str]) -> None:
        rows.append([stage, what, *values])

    sizes = list(SIZES.values())
    add("download", "network in", [format_bytes(n * DOWNLOADED) for n in sizes])
    add("", "disk", [format_bytes(n * STORED) for n in sizes])
    add("", "CPU (recoding)", [format_hours(n * single["recode"] / 1000) for n in sizes])
    add("caption table", "CPU", [format_hours(growth["tabulate_corpus"].at(n)) for n in sizes])
    add("", "memory", [format_bytes(n * slopes["tabulate"] * 1.048576) for n in sizes])
    for kind, width in (("image", IMAGE_WIDTH), ("text", TEXT_WIDTH)):
        flop = single[f"{kind} FLOP"]
        add(f"{kind} features, a model and view", "FLOP", [f"{n * flop:.1e}" for n in sizes])
        add("", "GPU (not measured)", [format_hours(n * flop / GPU) for n in sizes])
        add("", "CPU instead", [format_hours(n * single[f"{kind} seconds"]) for n in sizes])
        add("", "disk", [format_bytes(4 * n * width) for n in sizes])
    for name in ("TF-IDF vectors", "TF-IDF product"):
        add(name, "CPU", [format_hours(growth[name].at(n)) for n in sizes])
    add("neighbours", "memory", [format_bytes(n * slopes["swap"] * 1.048576) for n in sizes])
    add("a swap", "CPU", [format_hours(growth["swap_captions"].at(n)) for n in sizes])
    add("a fine-tune, an epoch", "FLOP", [f"{n * epoch:.1e}" for n in sizes])
    add("", "GPU (not measured)", [format_hours(n * epoch / GPU) for n in sizes])
    add("", "CPU instead", [format_hours(growth["finetune_heads"].at(n)) for n in sizes])
    add("", "memory", [format_bytes(n * slopes["finetune"] * 1.048576) for n in sizes])
    return format_table(["stage", "what", *SIZES], rows)


def tabulate_plans(plans: dict[int, Plan]) -> str:
    """Jobs, files and the time of a dry run."""
    rows = []
    for name, size in SIZES.items():
        found, (pairs_per_shard, shards_per_job) = plans[size], SHARDS[size]
        wide = [found.jobs[rule] for rule in ("download_shard", "extract_corpus_images")]
        # shards and ledgers, features and their origins; a log and a benchmark of every job
        files = 2 * sum(wide) + 2 * found.jobs["total"]
        settings = f"{pairs_per_shard:,}, {shards_per_job}"
        counts = [f"{count:,}" for count in (*wide, found.jobs["total"], files)]
        rows.append([name, settings, *counts, f"{found.seconds:.1f} s"])
    headings = ["rows", "a shard, shards a job", "downloads", "image features", "all jobs"]
    return format_table([*headings, "files of these, about", "dry run (CPU)"], rows)


def tabulate_jobs(jobs: dict[str, int]) -> str:
    """Jobs by rule."""
    return format_table(["rule", "jobs"], [[f"`{rule}`", f"{n}"] for rule, n in jobs.items()])


def format_hours(seconds: float) -> str:
    """Seconds, minutes, hours, days or years."""
    for unit, length in (("years", 365 * 86400), ("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.2g} s"


def format_bytes(count: float) -> str:
    """TB, GB or MB."""
    for unit, size in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e6:.3g} MB"


if __name__ == "__main__":
    main()
