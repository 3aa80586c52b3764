"""The downstream numbers are CLIP_benchmark's, for the same model, images and captions.

It runs in an environment of its own (`benchmarks/peers/clip.txt`), which is made where it is not
there yet: some minutes, and a network.
"""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.measuring import PEERS
from lib.architectures import read_architecture
from lib.corpus import iterate_images, read_captions, select_samples, write_shard
from lib.datasets import read_labels, read_prompts
from lib.downstream import ProbeSettings, measure_classification, measure_retrieval
from lib.evaluation import evaluate
from lib.exports import replace_head
from lib.feature_store import DatasetFeatures
from lib.features import extract_images, extract_texts
from lib.finetune import Recipe, finetune, select_pairs
from lib.glyphs import CorpusSettings, DatasetSettings, draw_corpus, draw_dataset
from lib.held_out import select_held_out
from lib.models import build_model, get_tokenizer, get_transform, save_model, split_head
from tests.project import ROOT

pytestmark = pytest.mark.slow

PROBE = ProbeSettings(weight_decay=0.01, seed=3)
NEIGHBOURS = 5


@pytest.fixture(scope="module")
def peers():
    """The Python of the environment that has CLIP_benchmark."""
    if not PEERS.exists():
        command = [sys.executable, "benchmarks/suite.py", "--setup"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
            pytest.skip(f"CLIP_benchmark cannot be installed: {last}")
    return PEERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A task and pairs as shards, in CLIP_benchmark's layout."""
    folder = tmp_path_factory.mktemp("clip_benchmark")
    for split, images in (("train", 700), ("test", 500)):
        (folder / f"task/{split}").mkdir(parents=True)
        settings = DatasetSettings("colours", images, seed=5, training=split == "train")
        names = ("classnames.txt", "zeroshot_classification_templates.txt")
        draw_dataset(
            settings, folder / f"task/{split}/0.tar", *(folder / "task" / n for n in names)
        )
        (folder / f"task/{split}/nshards.txt").write_text("1")
    for name, pairs in (("corpus", 1500), ("all_pairs", 300)):
        settings = CorpusSettings(pairs, 10, pairs + 10, seed=len(name))
        draw_corpus(settings, [folder / f"{name}.tar"], folder / f"{name}.parquet")
    return folder


class Model:
    """Frozen towers with random weights, and heads that were fine-tuned on them."""

    def __init__(self, folder):
        self.architecture = read_architecture("config/architectures/glyphs.json", ROOT)
        model = build_model(self.architecture, seed=0).eval()
        self.weights = dict(model.state_dict())
        self.towers, pretrained = split_head(model)
        table = read_captions(folder / "corpus.parquet")
        images, texts = self.see([folder / "corpus.tar"]), self.read(table.captions)
        rows = np.arange(len(images))
        pairs = select_pairs([images[None]], texts, table.captions, rows, rows)
        recipe = Recipe(epochs=8, batch_size=128, lr=3e-3, weight_decay=0.1)
        self.heads = {
            str(seed): finetune(pretrained, pairs, lambda head: 0.0, recipe, seed).head
            for seed in (0, 1)
        }

    def see(self, shards, keys=None):
        images = (image for _, image in iterate_images(shards, keys))
        return extract_images(self.towers, images, get_transform(self.architecture), 64, "cpu")

    def read(self, texts):
        return extract_texts(self.towers, get_tokenizer(self.architecture), texts, 64, "cpu")


@pytest.fixture(scope="module")
def ours(folder):
    """Our scores of both heads by method and metric; what the other side needs lies in `folder`."""
    model = Model(folder)
    task = folder / "task"
    prompts = read_prompts(task / "classnames.txt", task / "zeroshot_classification_templates.txt")
    images, labels = {}, {}
    for split in ("train", "test"):
        images[split] = model.see([task / split / "0.tar"])
        labels[split] = read_labels([task / split / "0.tar"], len(prompts.classes))
    texts = np.stack([model.read(texts) for texts in prompts.texts])
    test = DatasetFeatures(images["test"], labels["test"], texts, prompts.classes)
    training = images["train"], labels["train"]
    found = measure_classification(model.heads, test, *training, NEIGHBOURS, PROBE)
    keys, captions = select_held_out([folder / "all_pairs.tar"], 300)
    keep_samples(folder / "all_pairs.tar", keys, folder / "pairs.tar")
    pairs = model.see([folder / "pairs.tar"]), model.read(captions)
    (folder / "probe.json").write_text(json.dumps(vars(PROBE)))
    (folder / "architecture.json").write_text(json.dumps(model.architecture))
    scores = {}
    for label, head in model.heads.items():
        all_scores = [*found[label], *measure_retrieval(head, *pairs)]
        scores[label] = {(score.method, score.metric): score.value for score in all_scores}
        acc5 = evaluate(images["test"], labels["test"], texts, head)["acc5"]
        scores[label]["zero_shot", "acc5"] = acc5
        whole = build_model(model.architecture)
        whole.load_state_dict(replace_head(model.weights, head))
        save_model(folder / f"{label}.safetensors", whole, {})
    return scores


def keep_samples(shard, keys, kept):
    """The other side knows nothing of repeated captions: it gets the pairs without them."""
    write_shard(kept, (sample for _, sample in select_samples([shard], keys)))


@pytest.fixture(scope="module")
def theirs(peers, ours, folder):
    """CLIP_benchmark's scores of both heads, each as a model of its own."""
    scores = {}
    for label in ours:
        (folder / "weights.safetensors").unlink(missing_ok=True)
        (folder / "weights.safetensors").symlink_to(folder / f"{label}.safetensors")
        command = [peers, "benchmarks/clip_benchmark_scores.py", folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        scores[label] = json.loads(done.stdout.splitlines()[-1])
    return scores


EQUAL = {
    ("zero_shot", "accuracy"): ("zero_shot", "acc1"),
    ("zero_shot", "acc5"): ("zero_shot", "acc5"),
    ("zero_shot", "mean_per_class_recall"): ("zero_shot", "mean_per_class_recall"),
    ("linear_probe", "accuracy"): ("linear_probe", "acc1"),
    ("linear_probe", "mean_per_class_recall"): ("linear_probe", "mean_per_class_recall"),
    **{
        (method, f"recall@{k}"): ("retrieval", f"{method}_recall@{k}")
        for method in ("text_retrieval", "image_retrieval")
        for k in (1, 5, 10)
    },
}


@pytest.mark.parametrize(("own", "other"), EQUAL.items(), ids=["-".join(key) for key in EQUAL])
def test_numbers_are_those_of_clip_benchmark(ours, theirs, own, other):
    for label, scores in ours.items():
        expected = theirs[label][other[0]][other[1]]
        assert scores[own] == pytest.approx(expected, abs=1e-4)
        assert 0.02 < expected < 0.98, "a number that tells nothing"
