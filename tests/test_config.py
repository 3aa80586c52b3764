"""Bad configurations: one paragraph that names the key, the value and what is allowed."""

import copy

import pytest
import yaml

from lib.config import check_config


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
    del config["models"]
    with pytest.raises(ValueError, match="the configuration lacks models"):
        check(config, root)


@pytest.mark.parametrize("experiments", [["pruning"], ["misalignment", "finetune", "seeds"]])
def test_experiments_can_be_left_out(config, root, experiments):
    for section in experiments:
        del config[section]
    check(config, root)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("finetune", "the configuration lacks finetune, which other sections need"),
        ("misalignment", "the configuration lacks misalignment, which other sections need"),
        ("datasets", "the configuration lacks datasets, which other sections need"),
    ],
)
def test_half_an_experiment_is_an_error(config, root, section, message):
    del config[section]
    with pytest.raises(ValueError, match=message):
        check(config, root)


def test_the_validation_dataset_is_one_of_several(config, root):
    changed = change(config, ["finetune", "validation"], "digits")
    check(changed, root)
    unknown = change(config, ["finetune", "validation"], "imagenet")
    with pytest.raises(ValueError, match=r"validation is 'imagenet'; allowed: one of .*digits"):
        check(unknown, root)
    changed["datasets"] = changed["datasets"][:1]
    with pytest.raises(ValueError, match="the only dataset"):
        check(changed, root)
