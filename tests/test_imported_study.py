"""Models of checkpoints in the workflow: brought, fetched, refused, known in all that follows."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn.functional import normalize

from lib.corpus import iterate_images, read_captions
from lib.heads import read_heads
from lib.models import get_tokenizer, get_transform
from lib.provenance import read_checkpoint_hash
from tests import laclip
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
    """A checkpoint of LaCLIP to be brought, and what stands for one of open_clip on the web."""
    folder = tmp_path_factory.mktemp("files")
    laclip.write_checkpoint(folder / "laclip.pt", laclip.draw_state())
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


@pytest.fixture(scope="module")
def study(folder, files):
    """The study after a fine-tune of the model that was brought; the other is there, too."""
    (folder / "checkpoints").mkdir()
    shutil.copy(files / "laclip.pt", folder / "checkpoints")
    targets = [FETCHED, f"{RESULTS}/data/features/brought/datasets/shapes.safetensors"]
    targets += [f"{RESULTS}/heads/brought/none_Cs00.safetensors"]
    snakemake(folder, *targets, config=CONFIG)
    again = snakemake(folder, "-n", *targets, config=CONFIG)
    assert "Nothing to be done" in again.stdout + again.stderr
    return folder


def test_a_checkpoint_is_known_in_all_that_is_made_of_it(study):
    digest, data = hash_file(study / "checkpoints/laclip.pt"), study / RESULTS / "data"
    assert read_checkpoint_hash(data / "models/brought/weights.safetensors") == digest
    for head in ("pretrained", "none_Cs00"):
        path = study / RESULTS / f"heads/brought/{head}.safetensors"
        assert read_checkpoint_hash(path) == digest
    features = data / "features/brought"
    assert json.loads((features / "glyphs/texts.json").read_text())["checkpoint"] == digest
    chunks = sorted((features / "glyphs/images").glob("*.json"))
    assert [json.loads(path.read_text())["checkpoint"] for path in chunks] == [digest, digest]
    about = Path(features / "datasets/shapes.safetensors").read_bytes()[:4000]
    assert digest.encode() in about


def test_the_preprocessing_is_written_down(study):
    path = study / RESULTS / "data/models/brought/architecture.json"
    architecture = json.loads(path.read_text())
    assert architecture["quick_gelu"] is True
    assert architecture["preprocess_cfg"]["mean"] == [0.485, 0.456, 0.406]
    assert architecture["preprocess_cfg"]["interpolation"] == "bilinear"


def test_what_was_fetched_is_what_the_server_has(study, files):
    assert (study / FETCHED).read_bytes() == (files / "web/small.safetensors").read_bytes()


def test_an_export_in_laclips_layout_embeds_as_the_pipeline_does(study):
    data = study / RESULTS / "data"
    features = data / "features/brought/glyphs"
    head = read_heads(study / RESULTS / "heads/brought/none_Cs00.safetensors")["0"]
    path = study / RESULTS / "finetune/brought/none_Cs00/seed0/checkpoint.pt"
    exported = torch.load(path, weights_only=True)["state_dict"]
    architecture = json.loads((data / "models/brought/architecture.json").read_text())
    shards = sorted((data / "corpora/glyphs/shards").glob("*.tar"))
    images = [image for _, image in iterate_images(shards)][:4]
    captions = read_captions(data / "corpora/glyphs/captions.parquet").captions[:4]
    pixels = torch.stack([get_transform(architecture)(image) for image in images])
    tokens = get_tokenizer(architecture)(captions)
    for name, weight, expected in (
        ("images/00000", head.image_projection, laclip.embed_images(exported, pixels)),
        ("texts", head.text_projection, laclip.embed_texts(exported, tokens)),
    ):
        rows = np.load(features / f"{name}.npy").reshape(-1, len(weight))[:4]
        found = normalize(torch.from_numpy(rows @ weight), dim=-1)
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)


def test_a_malicious_checkpoint_and_a_wrong_one_are_refused(study):
    """Last: it replaces the checkpoints."""
    victim = study / "victim"
    content = {"state_dict": {"a": torch.ones(1)}, "args": Call(Path.touch, victim)}
    torch.save(content, study / "checkpoints/laclip.pt")
    (study / FETCHED).write_bytes(b"others")
    result = snakemake(study, *HEADS, "--keep-going", check=False, config=CONFIG)
    output = " ".join((result.stdout + result.stderr).split())
    assert result.returncode == 1
    assert "checkpoints/laclip.pt refused: it asks for" in output
    assert f"{FETCHED} has the SHA-256" in output
    assert not victim.exists()
