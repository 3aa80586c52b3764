"""Measures downloading beside img2dataset, from the same web on this machine.

    python benchmarks/download.py --setup   # an environment for img2dataset, once
    python benchmarks/download.py           # writes benchmarks/download.md

Both fetch the same URLs into WebDataset shards (shorter side 256, never enlarged, JPEG of quality
95, SHA-256 of what came), with as many processes as there are cores. They take turns, because the
speed of a machine drifts.
"""

import argparse
import io
import itertools
import json
import logging
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.settings import format_table
from benchmarks.web import HOSTS, is_gone, list_urls, start_web
from docs.update import write_text
from lib.corpus import iterate_samples

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
PEER = ROOT / "results/peers/img2dataset"  # its environment
PEER_REQUIREMENTS = ROOT / "benchmarks/peers/img2dataset.txt"
SHARDS = 4
SIZE = 256  # pixels of the shorter side
HEADINGS = [
    "pictures, latency",
    "who",
    "URLs/s",
    "times img2dataset",
    "CPU s per 1,000 URLs",
    "CPU s per 1,000 URLs after the start",
    "peak MiB",
]
START_HEADINGS = ["pictures, latency", "who", "seconds", "CPU seconds"]
PEER_SETTINGS = [
    {"processes_count": processes, "thread_count": threads}
    for processes, threads in itertools.product((2, 4), (16, 48))
]
PAGE = """\
# Downloading beside img2dataset

Made by `benchmarks/download.py` on {date}: {machine}; load average {before}
before it and {after} after it. The server had a process of its own on the same cores: {hosts} hosts
(loopback addresses), plain HTTP, pictures from memory, one link of five gone. {urls} URLs in
{shards} shards, {rounds} runs of each, taking turns: medians, and in brackets least and most.
All runs left the same pictures: same sources, sizes and JPEG tables. img2dataset had the best of
{tried} settings for each web.

{table}

The start alone, with {shards} URLs in {shards} shards:

{starts}

URLs/s and CPU seconds count everything; "after the start" leaves out what the start takes, which is
once for each shard with ours, and once in all with img2dataset. "Times img2dataset" is the ratio of
URLs/s within a round. Memory is that of all processes together, each with what it shares. Where the
load is well above the number of cores, other work ran beside: the CPU seconds are steadier then.
{versions}.

Where the time goes: most of what a picture costs is decoding, shrinking and encoding it, and
decoding and encoding are the same library's work on both sides. So there is little to gain with
pictures near the size that they are shrunk to, other than the start; ours shrinks them with a
better filter (Hamming's instead of the average of areas) for about as much. Large pictures differ
more: ours decodes them at a half or less of their resolution, as long as that is twice the size
that they are shrunk to.
"""


class Scenario(NamedTuple):
    """What the web is like: the pixels of its pictures' shorter sides, and seconds to an answer."""

    sides: tuple[int, int]
    latency: float

    def __str__(self) -> str:
        return f"{self.sides[0]}-{self.sides[1]} px, {1000 * self.latency:.0f} ms"


class Cost(NamedTuple):
    """What a run took: seconds of wall time and of all cores, and MiB of all processes at peak."""

    seconds: float
    cpu: float
    memory: float


class Picture(NamedTuple):
    """A picture in a shard: what it was made of, its size, and the quality of its encoding."""

    sha256: str
    width: int
    height: int
    quantization: tuple


class Contender(NamedTuple):
    """Who downloads: `command` is given URLs, a folder to work in and the settings."""

    name: str
    command: Callable[[Sequence[str], Path, dict], list[str]]
    settings: dict


SCENARIOS = [
    Scenario((300, 600), 0.0),
    Scenario((300, 600), 0.1),
    Scenario((800, 1600), 0.0),
]


def set_up() -> None:
    """Make the environment of img2dataset; its requirements and ours exclude each other."""
    venv.create(PEER, with_pip=True, clear=True)
    install = [PEER / "bin/python", "-m", "pip", "install", "--quiet", "-r", PEER_REQUIREMENTS]
    subprocess.run(install, check=True)


def download_ours(urls: Sequence[str], folder: Path, settings: dict) -> list[str]:
    """The command that downloads URLs as the workflow does."""
    links = folder / "list.tsv"
    links.write_text("".join(f"picture {n}\t{url}\n" for n, url in enumerate(urls)))
    options = {"urls": len(urls), "shards": SHARDS} | settings
    script = [sys.executable, str(ROOT / "benchmarks/download_shards.py")]
    return [*script, str(links), str(folder / "out"), *_write_options(options)]


def download_peer(urls: Sequence[str], folder: Path, settings: dict) -> list[str]:
    """The command that downloads URLs with img2dataset, as close to ours as its options go."""
    links = folder / "list.tsv"
    rows = "".join(f"picture {n}\t{url}\n" for n, url in enumerate(urls))
    links.write_text(f"caption\turl\n{rows}")
    options = {
        "url_list": links,
        "output_folder": folder / "out",
        "input_format": "tsv",
        "caption_col": "caption",
        "output_format": "webdataset",
        "number_sample_per_shard": len(urls) // SHARDS,
        "image_size": SIZE,
        "resize_mode": "keep_ratio",
        "resize_only_if_bigger": True,
        "extract_exif": False,
        "timeout": 30,
    }
    return [str(PEER / "bin/img2dataset"), *_write_options(options | settings)]


OURS = [
    Contender("ours, two shards at a time", download_ours, {"jobs": 2, "threads": 1}),
    Contender("ours, one shard at a time", download_ours, {"jobs": 1, "threads": 2}),
]


def run(contender: Contender, urls: Sequence[str]) -> tuple[Cost, dict[str, Picture]]:
    """Run one download; what it cost, and what is in its shards, by URL.

    Raises:
        RuntimeError: it failed, or left other pictures than it should.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = contender.command(urls, folder, contender.settings)
        cost = measure(command, folder / "log.txt")
        pictures = read_pictures(sorted((folder / "out").glob("*.tar")))
    logger.info("%s %s: %d URLs, %s", contender.name, contender.settings, len(urls), cost)
    check_pictures(contender.name, urls, pictures)
    return cost, pictures


def measure(command: Sequence[str], log: Path) -> Cost:
    """Run a command and count its processes with all that they start."""
    environment = os.environ | {"NO_ALBUMENTATIONS_UPDATE": "1"}  # or it asks the web for one
    before, started = _count_cpu(), time.monotonic()
    with open(log, "w") as stream:
        process = psutil.Popen(command, stdout=stream, stderr=stream, env=environment)
        memory = 0.0
        while process.poll() is None:
            memory = max(memory, _measure_memory(process))
            time.sleep(0.2)
    seconds = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{log.read_text()[-3000:]}")
    return Cost(seconds, _count_cpu() - before, memory)


def read_pictures(shards: Sequence[Path]) -> dict[str, Picture]:
    """What is in some shards, by URL; the size is that of the image, not what is said of it."""
    pictures = {}
    for sample in iterate_samples(shards):
        facts = json.loads(sample.parts["json"])
        with Image.open(io.BytesIO(sample.parts["jpg"])) as image:
            tables = tuple(map(tuple, image.quantization.values()))
            pictures[facts["url"]] = Picture(facts["sha256"], *image.size, tables)
    return pictures


def check_pictures(name: str, urls: Sequence[str], pictures: dict[str, Picture]) -> None:
    """Check that every picture that is there was downloaded, and shrunk to its size.

    Raises:
        RuntimeError: with the number of those that were not.
    """
    expected = {url for url in urls if not is_gone(url)}
    if set(pictures) != expected:
        raise RuntimeError(f"{name}: {len(pictures)} pictures, expected {len(expected)}")
    wrong = [url for url, found in pictures.items() if min(found.width, found.height) != SIZE]
    if wrong:
        raise RuntimeError(f"{name}: {len(wrong)} pictures of another size than {SIZE}")


def compare(
    contenders: Sequence[Contender], urls: Sequence[str], rounds: int
) -> dict[str, list[Cost]]:
    """Costs of all contenders by name; they take turns, and must leave the same pictures.

    Raises:
        RuntimeError: as `run`, or the pictures differ.
    """
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        found = []
        for contender in contenders:
            cost, pictures = run(contender, urls)
            costs[contender.name].append(cost)
            found.append(pictures)
        if any(pictures != found[0] for pictures in found):
            raise RuntimeError("the shards differ in the pictures' sources, sizes or tables")
    return costs


def choose_peer(urls: Sequence[str]) -> Contender:
    """img2dataset with those of `PEER_SETTINGS` that take the least wall time."""
    peers = [Contender("img2dataset", download_peer, settings) for settings in PEER_SETTINGS]
    return min(peers, key=lambda peer: run(peer, urls)[0].seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setup", action="store_true", help="make img2dataset's environment")
    parser.add_argument("--urls", type=int, default=4000, help=f"a multiple of {SHARDS}")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each that are counted")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.setup:
        set_up()
    else:
        write_text(ROOT / "benchmarks/download.md", write_page(args.urls, args.rounds))


def write_page(count: int, rounds: int) -> str:
    """Measure everything; the text of the page."""
    before = psutil.getloadavg()[0]
    rows, start_rows = [], []
    for scenario in SCENARIOS:
        with start_web(scenario.latency, scenario.sides) as port:
            urls = list_urls(port, count)
            contenders = [*OURS, choose_peer(urls)]
            # a link that is not gone for each shard: what it costs is the start
            few = [url for url in urls if not is_gone(url)][:SHARDS]
            starts = compare(contenders, few, rounds)
            costs = compare(contenders, urls, rounds)
        rows += tabulate(scenario, contenders, costs, starts, count)
        start_rows += tabulate_starts(scenario, starts)
    return PAGE.format(
        date=date.today().isoformat(),
        machine=describe_machine(),
        before=f"{before:.1f}",
        after=f"{psutil.getloadavg()[0]:.1f}",
        hosts=HOSTS,
        urls=f"{count:,}",
        shards=SHARDS,
        rounds=rounds,
        tried=len(PEER_SETTINGS),
        table=format_table(HEADINGS, rows),
        starts=format_table(START_HEADINGS, start_rows),
        versions=describe_versions(),
    )


def tabulate(
    scenario: Scenario,
    contenders: Sequence[Contender],
    costs: dict[str, list[Cost]],
    starts: dict[str, list[Cost]],
    count: int,
) -> list[list[str]]:
    """The rows of one scenario; the last contender is the measure of the others."""
    rows = []
    for name, _, settings in contenders:
        peer = costs[contenders[-1].name]
        ratios = [other.seconds / own.seconds for own, other in zip(costs[name], peer, strict=True)]
        start = statistics.median(cost.cpu for cost in starts[name])
        rows.append(
            [
                str(scenario),
                f"{name} ({', '.join(f'{key} {value}' for key, value in settings.items())})",
                summarise([count / cost.seconds for cost in costs[name]], 0),
                summarise(ratios, 2),
                summarise([1000 * cost.cpu / count for cost in costs[name]], 2),
                summarise([1000 * (cost.cpu - start) / count for cost in costs[name]], 2),
                summarise([cost.memory for cost in costs[name]], 0),
            ]
        )
    return rows


def tabulate_starts(scenario: Scenario, starts: dict[str, list[Cost]]) -> list[list[str]]:
    """What it costs to start, a row a contender."""
    return [
        [
            str(scenario),
            name,
            summarise([cost.seconds for cost in costs], 1),
            summarise([cost.cpu for cost in costs], 1),
        ]
        for name, costs in starts.items()
    ]


def summarise(values: Sequence[float], digits: int) -> str:
    """Median, least and most."""
    told = (statistics.median(values), min(values), max(values))
    median, least, most = (f"{value:.{digits}f}" for value in told)
    return f"{median} [{least}, {most}]"


def describe_machine() -> str:
    """Cores, processor, memory and system."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores ({models[0]}), {memory:.0f} GiB, {platform.system()}"


def describe_versions() -> str:
    """Of what makes the difference, on both sides."""
    ours = [f"{name} {version(name)}" for name in ("aiohttp", "pillow")]
    pins = PEER_REQUIREMENTS.read_text().splitlines()
    names = ("img2dataset", "opencv-python-headless")
    theirs = [pin.replace("==", " ") for pin in pins if pin.partition("==")[0] in names]
    return ", ".join([f"Python {platform.python_version()}", *ours, *theirs])


def _write_options(options: dict) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def _count_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _measure_memory(process: psutil.Process) -> float:
    """MiB of a process and all below it."""
    total = 0
    try:
        for each in [process, *process.children(recursive=True)]:
            total += each.memory_info().rss
    except psutil.NoSuchProcess:  # it ended while it was asked
        pass
    return total / 2**20


if __name__ == "__main__":
    main()
