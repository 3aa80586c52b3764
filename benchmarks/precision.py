"""Measures what half precision changes in the embedded study, on whatever device there is.

    python benchmarks/precision.py   # after `make run`; writes the table of docs/method.md

The towers of each model encode the same images and captions in float32 and under autocast to
bfloat16; the features of the former are also rounded to float16, as they may be stored. Heads are
evaluated and fine-tuned on all of them, in float32. On a CPU this tells what the rounding does to
the figures, not how much time it saves.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.update import replace_between, write_text
from lib.architectures import read_architecture
from lib.corpus import iterate_images, read_captions
from lib.datasets import choose_rows, iterate_rows, read_labels, read_prompts
from lib.devices import select_device
from lib.feature_store import DatasetFeatures, to_storage
from lib.features import extract_images, extract_texts
from lib.finetune import Recipe, finetune, select_pairs
from lib.heads import Head, read_heads
from lib.models import get_tokenizer, get_transform
from lib.precision import Bfloat16Towers, load_towers
from lib.purity import measure
from lib.validation import score_zero_shot

ROOT = Path(__file__).resolve().parents[1]
BATCH = 512


class Subject(NamedTuple):
    """Towers of one model in one precision, and how their input is made."""

    towers: torch.nn.Module
    architecture: dict
    device: torch.device

    def encode_images(self, images) -> np.ndarray:
        transform = get_transform(self.architecture)
        return extract_images(self.towers, images, transform, BATCH, self.device)

    def encode_texts(self, texts) -> np.ndarray:
        tokenize = get_tokenizer(self.architecture)
        return extract_texts(self.towers, tokenize, texts, BATCH, self.device)


class Features(NamedTuple):
    """All features of one subject: of the corpus, and of the downstream datasets."""

    images: np.ndarray
    texts: np.ndarray
    captions: list[str]
    datasets: list[DatasetFeatures]


class Figures(NamedTuple):
    """What is measured of features."""

    images: np.ndarray
    texts: np.ndarray
    accuracies: np.ndarray
    tuned_accuracies: np.ndarray
    image_cosine: float
    text_cosine: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout with a finished study")
    parser.add_argument("--pairs", type=int, default=12000, help="pairs to fine-tune on")
    parser.add_argument("--images", type=int, default=2000, help="test images of each dataset")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    device = select_device("auto")
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    size = f"{arguments.pairs:,} pairs, {arguments.images:,} images a dataset"
    lines = [f"Measured on {where} ({size}):", ""]
    lines += ["| model | what | float32 | towers in bfloat16 | corpus stored in float16 |"]
    lines += ["|---|---|---|---|---|"]
    for model in config["models"]:
        path = arguments.root / config["results"] / f"heads/{model['name']}/pretrained.safetensors"
        head = read_heads(path)["pretrained"]
        exact, rounded = (
            encode(subject, config, arguments)
            for subject in load_subjects(config, arguments.root, model, device)
        )
        stored = exact._replace(images=halve(exact.images), texts=halve(exact.texts))
        figures = [
            measure_figures(features, head, config["finetune"], device)
            for features in (exact, rounded, stored)
        ]
        lines += [f"| {model['name']} | {' | '.join(row)} |" for row in tabulate(*figures)]
    page = ROOT / "docs/method.md"
    write_text(page, replace_between("precision", "\n".join(lines), page.read_text()))
    print("\n".join(lines))


def load_subjects(
    config: dict, root: Path, model: dict, device: torch.device
) -> tuple[Subject, Subject]:
    """A model's towers in float32 and in bfloat16."""
    architecture = read_architecture(model["architecture"], ROOT)
    weights = root / config["data"] / f"models/{model['name']}/weights.safetensors"
    towers = load_towers(weights, architecture, "float32", device)
    return (
        Subject(towers, architecture, device),
        Subject(Bfloat16Towers(towers, device), architecture, device),
    )


def encode(subject: Subject, config: dict, arguments: argparse.Namespace) -> Features:
    """Features of the corpus and of all downstream datasets."""
    data = arguments.root / config["data"]
    corpus = data / f"corpora/{config['corpus']['name']}"
    table = read_captions(corpus / "captions.parquet")
    rows = table.rows("train")[: arguments.pairs]
    keys, captions = ([column[row] for row in rows] for column in (table.keys, table.captions))
    shards = sorted((corpus / "shards").glob("*.tar"))
    images = subject.encode_images(image for _, image in iterate_images(shards, keys))
    texts = subject.encode_texts(captions)
    datasets = [
        encode_dataset(subject, data / f"datasets/{dataset['name']}", arguments.images)
        for dataset in config["datasets"]
        if "train_of" not in dataset
    ]
    return Features(images, texts, captions, datasets)


def halve(features: np.ndarray) -> np.ndarray:
    """What comes back of features that were stored in float16."""
    return to_storage(features, "float16").astype(np.float32)


def measure_figures(
    features: Features, head: Head, settings: dict, device: torch.device
) -> Figures:
    """Accuracies and mean |cos|, before and after a fine-tune on aligned captions."""
    tuned = tune(head, features.images, features.texts, features.captions, settings, device)
    scores = [score_zero_shot(dataset, device) for dataset in features.datasets]
    return Figures(
        features.images,
        features.texts,
        np.array([score(head) for score in scores]),
        np.array([score(tuned) for score in scores]),
        measure(tuned.image_projection)["avg_abs_cos_sim"],
        measure(tuned.text_projection)["avg_abs_cos_sim"],
    )


def tune(
    head: Head,
    images: np.ndarray,
    texts: np.ndarray,
    captions: list[str],
    settings: dict,
    device: torch.device,
) -> Head:
    """The last head of a fine-tune by the study's recipe, seed 0; no best epoch is looked for."""
    order = np.arange(len(captions))
    pairs = select_pairs([images[None]], texts, captions, order, order)
    recipe = Recipe(**{key: settings[key] for key in Recipe.__dataclass_fields__})
    return finetune(head, pairs, lambda _: 0.0, recipe, seed=0, device=device).head


def encode_dataset(subject: Subject, folder: Path, max_samples: int) -> DatasetFeatures:
    prompts = read_prompts(folder / "classnames.txt", folder / "templates.txt")
    labels = read_labels([folder / "test.tar"], len(prompts.classes))
    rows = choose_rows(labels, max_samples)
    texts = subject.encode_texts([text for each in prompts.texts for text in each])
    return DatasetFeatures(
        images=subject.encode_images(iterate_rows([folder / "test.tar"], rows)),
        labels=labels[rows],
        texts=texts.reshape(len(prompts.classes), -1, texts.shape[1]),
        classes=prompts.classes,
    )


def tabulate(exact: Figures, *others: Figures) -> Iterator[tuple[str, ...]]:
    """Rows of the table: what, in float32, and a cell for each of the others."""
    for rows in zip(*(compare(exact, other) for other in others), strict=True):
        yield (*rows[0][:2], *(row[2] for row in rows))


def compare(exact: Figures, rounded: Figures) -> Iterator[tuple[str, str, str]]:
    """What, in float32, rounded."""
    for kind in ("images", "texts"):
        difference = relative_difference(getattr(exact, kind), getattr(rounded, kind))
        yield (
            f"relative difference of {kind[:-1]} features: median, largest",
            "0",
            f"{np.median(difference):.2g}, {difference.max():.2g}",
        )
    for label, key in (("pretrained", "accuracies"), ("fine-tuned", "tuned_accuracies")):
        one, other = getattr(exact, key), getattr(rounded, key)
        largest = 100 * np.abs(one - other).max()
        yield (
            f"accuracy, {label}, mean over datasets (largest change of one)",
            f"{100 * one.mean():.2f} %",
            f"{100 * other.mean():.2f} % ({largest:.2f} points)",
        )
    for kind in ("image", "text"):
        one, other = (getattr(figures, f"{kind}_cosine") for figures in (exact, rounded))
        yield (
            f"mean &#124;cos&#124; of the {kind} projection after the fine-tune",
            f"{one:.6f}",
            f"{other:.6f} ({100 * (other / one - 1):+.3f} %)",
        )


def relative_difference(exact: np.ndarray, rounded: np.ndarray) -> np.ndarray:
    """(n,) length of each row's difference over the length of the row."""
    return np.linalg.norm(exact - rounded, axis=1) / np.linalg.norm(exact, axis=1)


if __name__ == "__main__":
    main()
