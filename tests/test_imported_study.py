"""Models of checkpoints in the workflow: to be brought, fetched, refused."""

import hashlib
from pathlib import Path

import pytest
import torch
import yaml

from tests.project import copy_project, snakemake
from tests.test_checkpoints import Call
from tests.test_released import serve

CONFIG = "config/imported.yaml"
SMALL = {"kind": "open_clip", "architecture": "ViT-S-32-alt"}
RESULTS = "results/imported"
HEADS = [f"{RESULTS}/heads/{model}/pretrained.safetensors" for model in ("brought", "fetched")]
FETCHED = "checkpoints/small.safetensors"


def hash_file(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What stands for a checkpoint of open_clip on the web."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "web").mkdir()
    (folder / "web/small.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory, files):
    """A copy of the project with a small study of both, while their server runs."""
    folder = copy_project(tmp_path_factory.mktemp("imported") / "project")
    config = yaml.safe_load((folder / "config/tiny.yaml").read_text())
    with serve(files / "web") as (base, _):
        config |= {"results": RESULTS, "data": f"{RESULTS}/data", "seeds": [0]}
        config["corpus"] |= {"pairs": 48, "validation_pairs": 8, "pairs_per_shard": 40}
        config["finetune"] |= {"views": 1, "export": "first_seed", "batch_size": 16}
        config["misalignment"]["tfidf"]["min_df"] = 1
        config["remedy"]["neighbours"] = 3
        config["datasets"][0]["images"] = 16
        config["models"] = [
            {
                "name": "brought",
                "kind": "laclip",
                "architecture": "ViT-S-16",
                "checkpoint": "checkpoints/laclip.pt",
            },
            SMALL
            | {
                "name": "fetched",
                "checkpoint": FETCHED,
                "url": f"{base}/small.safetensors",
                "sha256": hash_file(files / "web/small.safetensors"),
            },
            SMALL | {"name": "tagged", "pretrained": "a_tag"},
        ]
        (folder / CONFIG).write_text(yaml.safe_dump(config))
        yield folder


def test_what_to_bring_is_named_before_the_first_job(folder):
    planned = snakemake(folder, "-n", config=CONFIG).stdout
    assert "To be brought: checkpoints/laclip.pt" in planned
    assert f"Fetch {FETCHED}" in planned
    assert f"Fetch {RESULTS}/data/checkpoints/ViT-S-32-alt_a_tag" in planned
    result = snakemake(folder, check=False, config=CONFIG)
    assert result.returncode == 1
    output = result.stdout + result.stderr
    assert "not there yet: checkpoints/laclip.pt (the checkpoint of model 'brought'" in output
    assert not (folder / "checkpoints").exists()


def test_what_was_fetched_is_what_the_server_has(folder, files):
    # what other jobs need, and is not there yet, is no hindrance
    snakemake(folder, FETCHED, config=CONFIG)
    assert (folder / FETCHED).read_bytes() == (files / "web/small.safetensors").read_bytes()


def test_a_malicious_checkpoint_and_a_wrong_one_are_refused(folder):
    """Last: it replaces the checkpoint that was fetched."""
    victim = folder / "victim"
    content = {"state_dict": {"a": torch.ones(1)}, "args": Call(Path.touch, victim)}
    torch.save(content, folder / "checkpoints/laclip.pt")
    (folder / FETCHED).write_bytes(b"others")
    result = snakemake(folder, *HEADS, "--keep-going", check=False, config=CONFIG)
    output = " ".join((result.stdout + result.stderr).split())
    assert result.returncode == 1
    assert "checkpoints/laclip.pt refused: it asks for" in output
    assert f"{FETCHED} has the SHA-256" in output
    assert not victim.exists()
