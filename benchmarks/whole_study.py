"""A whole study after pretraining, as Snakemake runs it, beside one bare pass of the backbone."""

import csv
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import yaml

from benchmarks.measuring import ROOT, THREADS, Side, measure, time_action
from benchmarks.settings import Row, Settings, draw_captions, format_table, tell
from benchmarks.towers import (
    CPU_BATCH,
    TINY,
    build_towers,
    get_architecture,
    write_images,
    write_shards,
)

logger = logging.getLogger(__name__)

CLASSES = [f"thing {number}" for number in range(10)]
DATASETS = ("one", "two")
PAIRS = 5_000  # of the target: of fewer, the start of processes is most of the time
SHARDS = 4
SIDE = 300  # pixels of the pictures
SHOWN = 10  # rules of which the time is told


def prepare_pass(model: str, images: int, texts: int, batch: int) -> Callable[[], dict]:
    """Seconds of every image and every text through its tower once, on ready tensors.

    `texts` are padded to the whole context, as open_clip does; `unpadded` are the same as the
    study's own extraction has them.
    """
    import torch

    from lib.models import get_tokenizer

    architecture = get_architecture(model)
    towers, _ = build_towers(model)
    size = architecture["vision_cfg"]["image_size"]
    pixels = torch.randn(batch, 3, size, size)
    tokens = get_tokenizer(architecture)(draw_captions(texts))
    by_length = tokens[tokens.count_nonzero(dim=1).argsort()]

    def encode(tower: Callable, batches: Iterable) -> None:
        for each in batches:
            tower(each)

    @torch.inference_mode()
    def run() -> dict:
        some = (pixels[: images - first] for first in range(0, images, batch))
        sides = {
            "images": (towers.model.encode_image, some),
            "texts": (towers.model.encode_text, tokens.split(batch)),
            "unpadded": (towers.encode_text, by_length.split(batch)),
        }
        return {name: time_action(partial(encode, *side)) for name, side in sides.items()}

    return run


def write_files(folder: Path, model: str, pairs: int, images: int) -> None:
    """A study's files: a model with random weights, shards, two datasets."""
    from lib.models import build_model, save_model

    save_model(folder / "model.safetensors", build_model(get_architecture(model), seed=0), {})
    write_shards(folder / "pairs", pairs, SIDE, SHARDS)
    (folder / "names.txt").write_text("\n".join(CLASSES))
    for name in DATASETS:
        write_images(folder / f"{name}.tar", images, SIDE)


def make_config(model: str, pairs: int) -> dict:
    """The configuration of a study of what `write_files` writes."""
    held_out = pairs // 20
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["corpus"] = {
        "name": "pairs",
        "kind": "shards",
        "shards": [f"pairs/{{0..{SHARDS - 1}}}.tar"],
        "pairs": pairs - held_out,
        "validation_pairs": held_out,
        "min_success": 0.9,
    }
    config["models"] = [
        {
            "name": "clip",
            "kind": "open_clip",
            "architecture": model,
            "checkpoint": "model.safetensors",
        }
    ]
    config["datasets"] = [
        {
            "name": name,
            "kind": "webdataset",
            "shards": [f"{name}.tar"],
            "classnames": "names.txt",
            "templates": "photo",
        }
        for name in DATASETS
    ]
    config["misalignment"]["strategies"] = ["similar"]
    config["finetune"] |= {
        "shards_per_job": 1,
        "batch_size": min(250, pairs // 4),
        "export": "none",
        "sensitivity": [{"name": "short", "lr": 0.001, "epochs": 1}],
    }
    config["evaluation"]["batch_size"] = CPU_BATCH
    dim = get_architecture(model)["embed_dim"]
    config["pruning"] |= {"keep": [dim // 4, dim // 2, 3 * dim // 4], "draws": 10}
    del config["downstream"]  # its pairs are drawn ones, of another size than these images
    del config["simulation"]  # experiment 0 has pairs and encoders of its own
    return config | {"results": "results", "data": "results/data", "device": "cpu"}


def run_study(folder: Path, config: dict) -> None:
    """The whole workflow, on as many cores as all sides have.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", str(THREADS), "--quiet", "rules"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(path)]
    command += ["--workflow-profile", str(ROOT / "profiles/default"), "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the study failed:\n{(done.stdout + done.stderr)[-4000:]}")


def measure_rows(settings: Settings) -> list[Row]:
    model = settings.choose(TINY, "ViT-B-32", "ViT-B-32")
    pairs, images = settings.choose((64, 20), (500, 200), (PAIRS, 2_000))
    what = f"the whole study after pretraining, {Path(model).stem}, {pairs:,} pairs, two datasets"
    arguments = {
        "model": model,
        "images": pairs + len(DATASETS) * images,
        "texts": pairs + len(DATASETS) * len(CLASSES),
        "batch": CPU_BATCH,
    }
    bare = measure(Side("whole_study", "prepare_pass", arguments), settings.in_process).found
    logger.info("one pass, in seconds: %s", bare)
    if settings.in_process:
        return [_make_row(what, pairs, images, float("nan"), bare, [])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, model, pairs, images)
        seconds = time_action(lambda: run_study(folder, make_config(model, pairs)))
        with open(folder / "results/tables/resources.csv") as stream:
            rules = [row for row in csv.DictReader(stream) if row["rule"] != "total"]
    return [_make_row(what, pairs, images, seconds, bare, rules)]


def _make_row(
    what: str, pairs: int, images: int, seconds: float, bare: dict, rules: list[dict]
) -> Row:
    floor = bare["images"] + bare["texts"]
    ratio = seconds / floor
    unpadded = bare["images"] + bare["unpadded"]
    longest = sorted(rules, key=lambda rule: -float(rule["wall_s"]))[:SHOWN]
    table = [[f"`{rule['rule']}`", rule["jobs"], rule["wall_s"], rule["cpu_s"]] for rule in longest]
    jobs = sum(int(rule["jobs"]) for rule in rules)
    return Row(
        f"{what} of {images:,}",
        "one bare backbone pass over the same images and texts",
        "1.25 times its time",
        f"{ratio:.2f} times: {seconds:.0f} s, {floor:.0f} s",
        tell(ratio <= 1.25) if pairs >= PAIRS else f"not run at {PAIRS:,} pairs",
        [
            f"All three experiments (one strategy, 4 Cs and the control, 3 seeds, 10 epochs and a "
            f"shorter recipe, 10 random orders), by Snakemake on {THREADS} cores, from shards to "
            f"the tables, figures and the report. {jobs} jobs with a benchmark, of which the "
            f"longest rules (seconds of all their jobs, {THREADS} at a time):",
            format_table(["rule", "jobs", "wall s", "CPU s"], table),
            f"The bare pass: images {bare['images']:.0f} s, texts padded to the whole context, as "
            f"open_clip has them, {bare['texts']:.0f} s. The study encodes texts without padding; "
            f"a pass that did so, too ({bare['unpadded']:.0f} s), would leave "
            f"{seconds / unpadded:.2f} times.",
        ],
    )
