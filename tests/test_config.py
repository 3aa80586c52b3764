"""Bad configurations: one paragraph that names the key, the value and what is allowed."""

import copy

import pytest
import yaml

from lib.config import (
    check_config,
    explain_missing,
    list_brought_files,
    list_fetched_checkpoints,
)


@pytest.fixture
def config(root):
    return yaml.safe_load((root / "config.yaml").read_text())


def check(config, root):
    check_config(config, root / "workflow/schemas/config.schema.yaml", root)


def change(config, path, value):
    changed = copy.deepcopy(config)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", ["config.yaml", "config/tiny.yaml"])
def test_studies_of_the_project_are_valid(root, name):
    check(yaml.safe_load((root / name).read_text()), root)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["misalignment", "cs"], [0.1, 1.5], r"misalignment\.cs\[1\] is 1\.5; .* at most 1"),
        (["misalignment", "cs"], [-0.1], r"misalignment\.cs\[0\] is -0\.1; .* at least 0"),
        (["seeds"], "0", r"seeds is '0'; allowed: array"),
        (["seeds"], [], r"seeds is \[\]; allowed: a list of at least 1"),
        (["finetune", "lr"], "fast", r"finetune\.lr is 'fast'; allowed: number"),
        (["finetune", "speed"], 3, r"Unknown key speed in finetune; known: batch_size, betas"),
        (["models", 0, "captions"], [], r"models\[0\]\.captions is \[\]; .* at least 1"),
        (["models", 0, "corpus"], "cc3m", r"model.* 'clip' .* corpus 'cc3m'; .* 'glyphs'"),
        (["models", 1, "name"], "clip", r"models has 2 entries named 'clip'; .* unique"),
        (["datasets", 1, "name"], "digits", r"datasets has 2 entries named 'digits'"),
        (["pruning", "keep"], [64, 500], r"pruning\.keep has 500; allowed: less than the 128"),
        (["pruning", "keep"], [0], r"pruning\.keep\[0\] is 0; .* at least 1"),
        (["corpus", "pairs"], 100, r"finetune\.batch_size is 256; .* at most corpus\.pairs"),
        (["corpus", "pairs"], 0, r"corpus\.pairs is 0; .* at least 1"),
        (["device"], "tpu", r"device is 'tpu'; allowed: one of 'auto', 'cpu', 'cuda'"),
        (["models", 0, "architecture"], "none.json", r"architecture .*none\.json does not exist"),
        (["misalignment", "cs"], [0], r"misalignment\.cs is \[0\]; .* at least one share above 0"),
        (["misalignment", "tfidf", "min_df"], 1.5, r"tfidf\.min_df is 1\.5; allowed: integer"),
        (["misalignment", "tfidf", "ngram_range"], [2, 1], r"ngram_range is \[2, 1\]; .* first"),
        (["finetune", "crop_scale"], [1.0, 0.5], r"crop_scale is \[1\.0, 0\.5\]; .* first"),
        (["finetune", "sensitivity", 0, "name"], "main", r"sensitivity has 'main'; allowed"),
        (["misalignment", "cs"], [0.12345], r"cs is \[0\.12345\]; .* at most four decimals"),
        (["misalignment", "tfidf", "min_df"], 0.99, r"min_df is 0\.99; allowed: at most max_df"),
        (["corpus", "pairs"], 240.0, r"corpus\.pairs is 240\.0; allowed: integer"),
        (["corpus", "rewrites"], 0, r"captions of model 'laclip' has 'rewrites'; .* has none"),
        (["finetune", "lr"], float("nan"), r"finetune\.lr is nan; allowed: number"),
        (["finetune", "sensitivity"], [], r"sensitivity is \[\]; allowed: a list of at least 1"),
        (["pruning", "draws"], 5, r"pruning\.draws is 5; allowed: a multiple of 2"),
        (["datasets", 0, "images"], 19, r"images of dataset 'digits' is 19; allowed: at least 20"),
        (["evaluation", "max_samples"], 30, r"max_samples is 30; allowed: at least 36"),
        (["corpus", "kind"], "shards", r"corpus\.kind is 'shards'; allowed: one of 'glyphs'"),
        (["corpus", "noise", "wrong"], 2, r"corpus\.noise\.wrong is 2; .* at most 1"),
    ],
)
def test_bad_values_are_explained(config, root, path, value, message):
    with pytest.raises(ValueError, match=message) as error:
        check(change(config, path, value), root)
    assert "\n" not in str(error.value)


def test_a_missing_key_is_named(config, root):
    del config["pruning"]
    with pytest.raises(ValueError, match="the configuration lacks pruning"):
        check(config, root)


# --- Models that are not trained here -------------------------------------------------------------

DIGEST = "0123456789abcdef" * 4
LACLIP = {"name": "a", "kind": "laclip", "architecture": "ViT-B-16", "checkpoint": "c/a.pt"}
OPEN_CLIP = {"name": "b", "kind": "open_clip", "architecture": "ViT-B-32"}
TAGGED = OPEN_CLIP | {"name": "c", "pretrained": "laion2b_s34b_b79k"}
FETCHED = OPEN_CLIP | {"checkpoint": "c/b.pt", "url": "https://example.org/b", "sha256": DIGEST}
PROJECTIONS = {"name": "d", "kind": "projections", "checkpoint": "c/albef.pth"}


def test_models_of_all_kinds_are_valid(config, root):
    check(config | {"models": [*config["models"], LACLIP, TAGGED, FETCHED, PROJECTIONS]}, root)


def test_checkpoints_are_brought_or_fetched(config):
    config["models"] = [LACLIP, TAGGED, FETCHED, PROJECTIONS, FETCHED | {"name": "again"}]
    brought = list_brought_files(config)
    assert list(brought) == ["c/a.pt", "c/albef.pth"]
    assert "c/a.pt (the checkpoint of a, docs/models.md)" in explain_missing(brought)
    assert list_fetched_checkpoints(config) == {
        "results/data/checkpoints/ViT-B-32_laion2b_s34b_b79k": {
            "architecture": "ViT-B-32",
            "tag": "laion2b_s34b_b79k",
        },
        "c/b.pt": {"url": "https://example.org/b", "sha256": DIGEST},
    }


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LACLIP | {"architecture": "ViT-B-32"}, r"architecture is 'ViT-B-32'; .* 'ViT-S-16'"),
        (LACLIP | {"sha256": "abc"}, r"sha256 is 'abc'; allowed: text that matches"),
        (LACLIP | {"url": "file:///a", "sha256": DIGEST}, r"url is 'file:///a'; allowed: text"),
        (LACLIP | {"url": "https://example.org/a"}, r"'a' has a url; allowed: with .* sha256"),
        (LACLIP | {"seed": 1}, r"Unknown key seed in models\[0\]; known: architecture, checkpoint"),
        (OPEN_CLIP, r"model 'b' needs one of checkpoint and pretrained"),
        (TAGGED | {"checkpoint": "c/b.pt"}, r"model 'c' needs one of checkpoint and pretrained"),
        (TAGGED | {"architecture": "ViT-B-23"}, r"no architecture 'ViT-B-23'; .* ViT-B-32"),
        (
            TAGGED | {"architecture": "ViT-B-16-SigLIP"},
            r"'c', ViT-B-16-SigLIP, cannot be studied: its image tower, of timm, does not end in",
        ),
        (TAGGED | {"architecture": "RN50"}, r"'c', RN50, cannot be studied: .* attention pool"),
        (TAGGED | {"kind": "clip"}, r"models\[0\]\.kind is 'clip'; allowed: one of 'scratch', 'la"),
        ({"name": "a", "checkpoint": "a.pt"}, r"not valid\. models\[0\] lacks kind\.$"),
        (PROJECTIONS | {"url": "https://a.b"}, r"Unknown key url in models\[0\]; known: check"),
    ],
)
def test_bad_models_are_explained(config, root, model, message):
    with pytest.raises(ValueError, match=message) as error:
        check(config | {"models": [model]}, root)
    assert "\n" not in str(error.value)
