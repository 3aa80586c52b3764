"""Runs all benchmarks, or some, and writes `benchmarks/results.md`.

    python benchmarks/suite.py --setup                       # the peers' environment, once
    python benchmarks/suite.py --size reduced                # `make bench`
    python benchmarks/suite.py --size full --captions LIST   # `make bench-full`
    python benchmarks/suite.py --rows silhouettes pruning    # these anew; the others stay

Each row is written as soon as it is measured: what is interrupted goes on with `--rows`.
"""

import argparse
import importlib
import json
import logging
import os
import subprocess
import sys
import time
import venv
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.download import describe_machine
from benchmarks.measuring import PEERS, ROOT, THREADS
from benchmarks.settings import SIZES, Row, Settings, format_table
from docs.update import write_text

logger = logging.getLogger(__name__)

REQUIREMENTS = ROOT / "benchmarks/peers/clip.txt"
MEASURED = ROOT / "results/benchmarks"  # a JSON file a row
PAGE = ROOT / "benchmarks/results.md"
MODULES = (
    "swaps",
    "caption_growth",
    "silhouettes",
    "pruning",
    "experiment3",
    "extraction",
    "extraction_memory",
    "pretraining",
    "many_heads",
    "embedded_study",
    "whole_study",
    "gpu",
)
HEADINGS = ["what", "beside", "at least", "measured", "holds", "size, date, load"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setup", action="store_true", help="make the peers' environment")
    parser.add_argument("--size", choices=SIZES, default="reduced")
    parser.add_argument("--captions", type=Path, help="TSV of caption and URL, such as CC3M's")
    parser.add_argument("--rows", nargs="+", choices=MODULES, default=MODULES)
    parser.add_argument("--measured", type=Path, default=MEASURED, help="folder of what was found")
    parser.add_argument("--page", type=Path, default=PAGE)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.setup:
        set_up()
        return
    settings = Settings(args.size, args.captions and str(args.captions.resolve()))
    for name in args.rows:
        run_row(name, settings, args.measured)
        write_text(args.page, write_page(args.measured))


def set_up() -> None:
    """Make the environment of CLIP_benchmark and open_clip_train."""
    folder = PEERS.parents[1]
    venv.create(folder, with_pip=True, clear=True)
    install = [PEERS, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]
    subprocess.run(install, check=True)


def run_row(name: str, settings: Settings, folder: Path) -> None:
    """Measure a row (a module may yield several) and keep what was found."""
    logger.info("%s, %s", name, settings.size)
    load, started = os.getloadavg()[0], time.monotonic()
    rows = importlib.import_module(f"benchmarks.{name}").measure_rows(settings)
    seconds = time.monotonic() - started
    about = {"size": settings.size, "date": date.today().isoformat(), "load": load}
    content = about | {"seconds": seconds, "rows": [row._asdict() for row in rows]}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{name}.json", json.dumps(content, indent=1))
    logger.info("%s took %.0f s", name, seconds)


def write_page(folder: Path) -> str:
    """The page of all rows that were ever measured, in the order of `MODULES`."""
    found = [(name, folder / f"{name}.json") for name in MODULES]
    contents = [json.loads(path.read_text()) for _, path in found if path.exists()]
    table, details = [], []
    for content in contents:
        about = f"{content['size']}, {content['date']}, {content['load']:.1f}"
        for row in (Row(**row) for row in content["rows"]):
            table.append([row.what, row.beside, row.target, row.measured, row.holds, about])
            details += [f"## {row.what}", *row.notes] if row.notes else []
    paragraphs = "\n\n".join(details)
    return f"""\
# What it costs, beside peers

Made by `benchmarks/suite.py`: {describe_machine()}; {THREADS} threads for every side. Each side
runs in a process of its own, sides take turns, and medians are told; a ratio is the median of the
rounds' ratios, not the ratio of the medians in the tables. The load is the machine's before the
row began: above 0.5 other work ran beside, and ratios are steadier than seconds.

{format_table(HEADINGS, table)}

{paragraphs}
"""


if __name__ == "__main__":
    main()
