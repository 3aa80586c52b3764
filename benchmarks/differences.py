"""Measures what the original study's choices would change in the embedded study.

    python benchmarks/differences.py   # after `make run`; writes the table of docs/differences.md

Each row does one thing in the original's way and all else in ours.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from sklearn.metrics import silhouette_score as sklearn_silhouette

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.update import replace_between, write_text
from lib.architectures import read_architecture
from lib.corpus import iterate_images, read_captions
from lib.datasets import read_labels, read_prompts
from lib.evaluation import evaluate, evaluate_embeddings
from lib.feature_store import read_dataset_features
from lib.features import extract_images, extract_texts
from lib.finetune import FeaturePairs, Recipe, finetune, select_pairs
from lib.frames import read_frame
from lib.heads import Head, read_heads
from lib.models import (
    build_model,
    get_tokenizer,
    get_transform,
    load_model,
    open_clip,
    split_head,
)
from lib.neighbours import find_neighbours
from lib.pruning import sweep_accuracy
from lib.purity import high_purity_order, measure, neuron_cosines, neuron_scores
from lib.silhouette import silhouette_score
from lib.swaps import swap
from lib.token_words import token_words
from lib.validation import score_retrieval
from lib.zeroshot import class_embeddings, embed

ROOT = Path(__file__).resolve().parents[1]
MODEL = "laclip"
BATCH = 512


class Study(NamedTuple):
    """The embedded study's configuration and where its files are."""

    config: dict
    results: Path
    data: Path

    def shards(self) -> list[Path]:
        return sorted((self.data / f"corpora/{self.config['corpus']['name']}/shards").glob("*.tar"))

    def captions(self):
        return read_captions(
            self.data / f"corpora/{self.config['corpus']['name']}/captions.parquet"
        )

    def architecture(self) -> dict:
        model = next(model for model in self.config["models"] if model["name"] == MODEL)
        return read_architecture(model["architecture"], ROOT)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    study = Study(config, ROOT / config["results"], ROOT / config["data"])
    head = read_heads(study.results / f"heads/{MODEL}/pretrained.safetensors")["pretrained"]
    rows = [
        *compare_times(study, head),
        *compare_purity(head.image_projection),
        *compare_preprocessing(study, head),
        *compare_random_towers(study),
        *compare_tables(study),
        *compare_identical_swaps(study),
    ]
    lines = ["| what | ours | the original's way |", "|---|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    path = ROOT / "docs/differences.md"
    write_text(path, replace_between("measured", "\n".join(lines), path.read_text()))
    print("\n".join(lines))


def compare_times(study: Study, head: Head) -> Iterator[tuple[str, str, str]]:
    """The same numbers by way of the caches and closed forms, and by way of the plain procedure."""
    dataset = study.config["datasets"][0]["name"]
    features = read_dataset_features(
        study.data / f"features/{MODEL}/datasets/{dataset}.safetensors"
    )
    embeddings = embed(features.images, head.image_projection)
    classes = class_embeddings(features.texts, head.text_projection)
    labels, keep = features.labels, study.config["pruning"]["keep"]
    order = high_purity_order(neuron_scores(head))
    yield (
        f"time of a silhouette ({len(labels):,} images): closed form, or the matrix of distances",
        _milliseconds(lambda: silhouette_score(embeddings, labels)),
        _milliseconds(lambda: sklearn_silhouette(embeddings, labels, metric="cosine")),
    )

    def evaluate_masked() -> None:
        for k in keep:
            masked = np.zeros_like(embeddings)
            masked[:, order[:k]] = embeddings[:, order[:k]]
            evaluate_embeddings(masked, labels, classes)

    yield (
        f"time of the accuracies of {len(keep)} k: one pass, or each k evaluated afresh (images "
        "embedded already)",
        _milliseconds(lambda: sweep_accuracy(embeddings, labels, classes, order, keep)),
        _milliseconds(evaluate_masked),
    )
    table, architecture = study.captions(), study.architecture()
    folder = study.data / f"features/{MODEL}/{study.config['corpus']['name']}"
    images = [np.load(path) for path in sorted((folder / "images").glob("*.npy"))]
    texts = np.load(folder / "texts.npy")
    train, validation = (
        _aligned_pairs(images, texts, table.captions, table.rows(split))
        for split in ("train", "validation")
    )
    score = score_retrieval(validation, "cpu")
    settings = {key: study.config["finetune"][key] for key in Recipe.__dataclass_fields__}
    recipe = Recipe(**settings | {"epochs": 1, "warmup_epochs": 0})
    cached = _seconds(lambda: finetune(head, train, score, recipe, seed=0))
    towers, _ = split_head(
        load_model(study.data / f"models/{MODEL}/weights.safetensors", architecture)
    )

    def encode() -> None:
        transform, tokenize = get_transform(architecture), get_tokenizer(architecture)
        pictures = (image for _, image in iterate_images(study.shards(), table.keys))
        extract_images(towers, pictures, transform, BATCH, "cpu")
        extract_texts(towers, tokenize, table.captions, BATCH, "cpu")

    yield (
        f"time of an epoch of fine-tuning ({len(train.texts):,} pairs): on cached features, or "
        "with the frozen towers run in it",
        f"{cached:.1f} s",
        f"{cached + _seconds(encode):.1f} s",
    )


def compare_purity(projection: np.ndarray) -> Iterator[tuple[str, str, str]]:
    """The diagonal counted as zeros, and 1 over the mean instead of the mean of 1 over."""
    ours, magnitudes = measure(projection), np.abs(neuron_cosines(projection))
    np.fill_diagonal(magnitudes, 0)
    yield (
        f"mean |cos| of {MODEL}'s image projection: diagonal left out, or counted as 0",
        f"{ours['avg_abs_cos_sim']:.5f}",
        f"{magnitudes.mean():.5f}",
    )
    yield (
        "purity of the same projection: mean of 1 / mean |cos| of each neuron, or 1 / mean",
        f"{ours['per_neuron_purity_mean']:.3f}",
        f"{1 / magnitudes.mean():.3f}",
    )


def compare_preprocessing(study: Study, head: Head) -> Iterator[tuple[str, str, str]]:
    """Evaluation under the mean and standard deviation of another model (OpenAI's CLIP)."""
    architecture = study.architecture()
    weights = study.data / f"models/{MODEL}/weights.safetensors"
    other = architecture | {
        "preprocess_cfg": architecture["preprocess_cfg"]
        | {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
    }
    means = []
    for preprocessed in (architecture, other):
        towers, _ = split_head(load_model(weights, preprocessed))
        means.append(_mean_accuracy(study, towers, preprocessed, head))
    yield (
        f"accuracy of {MODEL}, mean over datasets: its own mean and std, or OpenAI CLIP's",
        *(f"{100 * mean:.1f} %" for mean in means),
    )


def compare_random_towers(study: Study) -> Iterator[tuple[str, str, str]]:
    """Fine-tuning without a checkpoint: the frozen towers stay random."""
    towers, head = split_head(build_model(study.architecture(), seed=0))
    table, architecture = study.captions(), study.architecture()
    transform = get_transform(architecture)
    pictures = (image for _, image in iterate_images(study.shards(), table.keys))
    images = [extract_images(towers, pictures, transform, BATCH, "cpu")[None]]
    texts = extract_texts(towers, get_tokenizer(architecture), table.captions, BATCH, "cpu")
    rows = [table.rows(split) for split in ("train", "validation")]
    train, validation = (_aligned_pairs(images, texts, table.captions, each) for each in rows)
    score = score_retrieval(validation, "cpu")
    settings = {key: study.config["finetune"][key] for key in Recipe.__dataclass_fields__}
    tuned = finetune(head, train, score, Recipe(**settings), seed=0).head
    ours = read_frame(study.results / "tables/misalignment_accuracy.csv")
    ours = ours[(ours["model"] == MODEL) & (ours["strategy"] == "none") & (ours["seed"] == 0)]
    cosines = read_frame(study.results / "tables/misalignment.csv")
    cosines = cosines[(cosines["model"] == MODEL) & (cosines["strategy"] == "none")]
    cosine = cosines[(cosines["seed"] == 0) & (cosines["projection"] == "image")]
    yield (
        "accuracy after fine-tuning on aligned captions, mean over datasets: pretrained towers, or "
        "no checkpoint loaded",
        f"{100 * ours['accuracy'].mean():.1f} %",
        f"{100 * _mean_accuracy(study, towers, architecture, tuned):.1f} %",
    )
    yield (
        "mean |cos| of the image projection then",
        f"{cosine['avg_abs_cos_sim'].item():.4f}",
        f"{measure(tuned.image_projection)['avg_abs_cos_sim']:.4f}",
    )


def compare_tables(study: Study) -> Iterator[tuple[str, str, str]]:
    """The baseline at Cs 0, single seeds and broken images, from the study's own tables."""
    table = read_frame(study.results / "tables/misalignment.csv")
    table = table[(table["model"] == MODEL) & (table["projection"] == "image")]
    values = table.groupby(["strategy", "cs"], dropna=False)["avg_abs_cos_sim"]
    means = values.mean()
    largest = table["cs"].max()
    at_most = means["similar", largest]
    control, pretrained = means["none"].iloc[0], means["pretrained"].iloc[0]
    yield (
        f"growth of mean |cos| of {MODEL}'s image projection from Cs 0 to {largest:g} (similar): "
        "against the fine-tuned control, or the pretrained model",
        f"{100 * (at_most / control - 1):+.1f} %",
        f"{100 * (at_most / pretrained - 1):+.1f} %",
    )
    growth = _growth_by_seed(table, largest)
    yield (
        "the same growth: mean and range over seeds, or one seed",
        f"{growth.mean():+.1f} % [{growth.min():+.1f}, {growth.max():+.1f}]",
        f"{growth[0]:+.1f} %",
    )
    broken = means["random", table.loc[table["strategy"] == "random", "cs"].min()]
    yield (
        "mean |cos| where 10 % of the images are broken: pairs dropped, or another random "
        "pair's image shown (as Cs 0.1 of random swaps)",
        f"{control:.4f}",
        f"{broken:.4f}",
    )


def compare_identical_swaps(study: Study) -> Iterator[tuple[str, str, str]]:
    """Swaps among captions of which some are the same text: how many changed nothing."""
    table, settings = study.captions(), study.config["misalignment"]
    captions = [table.captions[row] for row in table.rows("train")]
    words = np.array([token_words(caption) for caption in captions], dtype=object)
    cs = max(settings["cs"])
    for strategy in settings["strategies"]:
        rates = []
        for identity in (None, np.arange(len(captions))):
            neighbours = find_neighbours(captions, 64, settings["tfidf"], identity)
            permutation = swap(neighbours, cs, strategy, 0, settings["top_k"]).permutation
            rates.append(np.mean(words[permutation] != words))
        yield (
            f"share of pairs whose text changed at Cs {cs:g} ({strategy}): identical texts "
            "excluded, or not",
            *(f"{rate:.4f}" for rate in rates),
        )


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _milliseconds(action: Callable[[], object]) -> str:
    return f"{1000 * _seconds(action):.0f} ms"


def _aligned_pairs(
    images: list[np.ndarray], texts: np.ndarray, captions: list, rows
) -> FeaturePairs:
    return select_pairs(images, texts, captions, np.arange(len(captions)), rows)


def _growth_by_seed(table, cs: float) -> np.ndarray:
    """Growth of mean |cos| from the control to `cs` (similar), in per cent, seed by seed."""
    values = table.set_index(["strategy", "seed"])["avg_abs_cos_sim"]
    last = table[(table["strategy"] == "similar") & (table["cs"] == cs)]
    last = last.set_index("seed")["avg_abs_cos_sim"]
    return (100 * (last / values["none"] - 1)).to_numpy()


def _mean_accuracy(study: Study, towers, architecture: dict, head: Head) -> float:
    """Mean zero-shot accuracy over the study's datasets under an architecture's preprocessing."""
    accuracies = []
    for dataset in study.config["datasets"]:
        if "train_of" in dataset:
            continue
        folder = study.data / f"datasets/{dataset['name']}"
        prompts = read_prompts(folder / "classnames.txt", folder / "templates.txt")
        labels = read_labels([folder / "test.tar"], len(prompts.classes))
        texts = [text for each in prompts.texts for text in each]
        features = extract_texts(towers, get_tokenizer(architecture), texts, BATCH, "cpu")
        images = extract_images(
            towers,
            (image for _, image in iterate_images([folder / "test.tar"])),
            get_transform(architecture),
            BATCH,
            "cpu",
        )
        classes = features.reshape(len(prompts.classes), -1, features.shape[1])
        accuracies.append(evaluate(images, labels, classes, head)["accuracy"])
    return float(np.mean(accuracies))


if __name__ == "__main__":
    main()
