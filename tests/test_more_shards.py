"""A corpus that grows: of the features of its images only what is new is extracted."""

import io

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lib.architectures import read_architecture
from lib.corpus import Sample, read_captions, write_shard
from lib.features import extract_views
from lib.models import get_transform, load_model, split_head
from tests import laclip
from tests.project import copy_project, snakemake
from tests.test_workflow import plan

CONFIG = "config/growing.yaml"
RESULTS = "results/growing"
PER_SHARD = 6
FEATURES = f"{RESULTS}/data/features/brought/web/images"


def write_pairs(path, first):
    """A shard of plain images in the form of img2dataset."""
    samples = []
    for number in range(first, first + PER_SHARD):
        stream = io.BytesIO()
        colour = (40 * number % 256, 90 * number % 256, 11 * number)
        Image.new("RGB", (32, 24), colour).save(stream, "JPEG")
        caption = f"a picture of {number} things".encode()
        samples.append(Sample(f"{number:09d}", {"jpg": stream.getvalue(), "txt": caption}))
    write_shard(path, samples)


def write_config(folder, shards, pairs):
    """A study of a model that is not trained here, on some pairs of some shards."""
    config = yaml.safe_load((folder / "config/tiny.yaml").read_text())
    config |= {"results": RESULTS, "data": f"{RESULTS}/data", "seeds": [0]}
    del config["remedy"]  # of so few pairs none can be spared
    config["corpus"] = {
        "name": "web",
        "kind": "shards",
        "shards": [f"web/{{0..{shards - 1}}}.tar"],
        "pairs": pairs - 2,
        "validation_pairs": 2,
        "min_success": 1,
    }
    checkpoint = {"architecture": "ViT-S-16", "checkpoint": "checkpoints/laclip.pt"}
    config["models"] = [{"name": "brought", "kind": "laclip"} | checkpoint]
    config["finetune"] |= {"views": 1, "batch_size": 4, "export": "none"}
    config["pruning"]["keep"] = [100]
    config["misalignment"]["cs"] = [0.5]
    (folder / CONFIG).write_text(yaml.safe_dump(config))


def list_chunks(shards):
    """One shard a chunk."""
    return [f"{FEATURES}/{chunk:05d}.npy" for chunk in range(shards)]


def plan_features(folder, shards, pairs):
    """What is planned of the corpus and its features when it has become this."""
    write_config(folder, shards, pairs)
    return plan(folder, *list_chunks(shards), config=CONFIG)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of two shards, not all of whose pairs are used; a third shard lies there."""
    folder = copy_project(tmp_path_factory.mktemp("growing") / "project")
    laclip.write_checkpoint(folder / "checkpoints/laclip.pt", laclip.draw_state())
    for shard in range(3):
        write_pairs(folder / f"web/{shard}.tar", PER_SHARD * shard)
    write_config(folder, 2, PER_SHARD + 4)
    snakemake(folder, *list_chunks(2), config=CONFIG)
    return folder


def test_what_was_cut_short_waits_for_the_captions_and_what_is_complete_does_not(study):
    assert plan_features(study, 2, PER_SHARD + 4) == {}
    # the second chunk has 4 of its 6 pairs
    changed = {"tabulate_corpus": 1, "extract_corpus_images": 1}
    assert plan_features(study, 2, PER_SHARD + 3) == changed
    assert plan_features(study, 2, 2 * PER_SHARD) == changed
    added = {"scan_shard": 1, "summarise_corpus": 1, "tabulate_corpus": 1}
    assert plan_features(study, 3, 3 * PER_SHARD) == added | {"extract_corpus_images": 2}


def test_one_more_shard_extracts_one_more_chunk(study):
    first = study / list_chunks(1)[0]
    before = first.stat().st_mtime_ns
    write_config(study, 2, 2 * PER_SHARD)
    snakemake(study, *list_chunks(2), config=CONFIG)
    assert first.stat().st_mtime_ns == before
    added = {"scan_shard": 1, "summarise_corpus": 1, "tabulate_corpus": 1}
    added |= {"extract_corpus_images": 1}
    assert plan_features(study, 3, 3 * PER_SHARD) == added
    # what the captions then say of the new shard is known only when they are there
    assert plan_features(study, 3, 2 * PER_SHARD) == added


def test_the_chunks_are_what_one_pass_over_all_shards_gives(study, tmp_path):
    """Last: the study has all pairs of both shards by now."""
    corpus, model = study / RESULTS / "data/corpora/web", study / RESULTS / "data/models/brought"
    architecture = read_architecture(model / "architecture.json")
    towers, _ = split_head(load_model(model / "weights.safetensors", architecture))
    table = read_captions(corpus / "captions.parquet")
    assert table.shards == [0] * PER_SHARD + [1] * PER_SHARD
    shards = [study / f"web/{shard}.tar" for shard in range(2)]
    whole, transform = tmp_path / "whole.npy", get_transform(architecture)
    cpu = torch.device("cpu")
    extract_views(whole, towers, shards, table.keys, transform, 1, 0, PER_SHARD, cpu)
    chunks = [np.load(study / path) for path in list_chunks(2)]
    np.testing.assert_allclose(np.concatenate(chunks, axis=1), np.load(whole), atol=1e-4)
