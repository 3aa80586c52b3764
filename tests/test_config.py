"""Bad configurations: one paragraph that names the key, the value and what is allowed."""

import copy

import pytest
import yaml

from lib.config import check_config, check_keys, explain_missing, list_brought_files
from lib.model_checks import list_fetched_checkpoints


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


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml",
        "config/tiny.yaml",
        "config/cc3m.yaml",
        "config/cc3m-full.yaml",
        "config/laclip-table.yaml",
        "config/albef-blip.yaml",
        "config/simulation.yaml",
    ],
)
def test_studies_of_the_project_are_valid(root, name):
    check(yaml.safe_load((root / name).read_text()), root)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["misalignment", "cs"], [0.1, 1.5], r"misalignment\.cs\[1\] is 1\.5; .* below 1"),
        (["misalignment", "cs"], [-0.1], r"misalignment\.cs\[0\] is -0\.1; .* at least 0"),
        (["seeds"], "0", r"seeds is '0'; allowed: a list"),
        (["seeds"], [], r"seeds is \[\]; allowed: a list of at least 1"),
        (["finetune", "lr"], "fast", r"finetune\.lr is 'fast'; allowed: a number\."),
        (["finetune", "lr"], "1e-3", r"YAML takes 1e-3 for a text, and 0\.001 or 1\.0e-3 for"),
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
        (
            ["misalignment", "tfidf", "min_df"],
            1.5,
            r"min_df is 1\.5; allowed: a whole number",
        ),
        (["misalignment", "tfidf", "ngram_range"], [2, 1], r"ngram_range is \[2, 1\]; .* first"),
        (["finetune", "crop_scale"], [1.0, 0.5], r"crop_scale is \[1\.0, 0\.5\]; .* first"),
        (["finetune", "sensitivity", 0, "name"], "main", r"sensitivity has 'main'; allowed"),
        (["misalignment", "cs"], [0.12345], r"cs is \[0\.12345\]; .* at most four decimals"),
        (["misalignment", "tfidf", "min_df"], 0.99, r"min_df is 0\.99; allowed: at most max_df"),
        (["misalignment", "tfidf", "min_df"], 12000, r"min_df is 12000; .* max_df, which is 0\.95"),
        (["results"], "~/study", r"results is '~/study'; allowed: a path that begins with neither"),
        (["data"], "$SCRATCH/data", r"data is '\$SCRATCH/data'; allowed: a path .* without '\$'"),
        (["results"], " ", r"results is ' '; allowed: a path"),
        (["results"], "x\n", r"results is 'x\\n'; allowed: a path"),
        (
            ["seeds"],
            [2**63],
            r"seeds\[0\] is 9223372036854775808; allowed: .*at most 9223372036854775807",
        ),
        (["corpus", "pairs"], 240.0, r"corpus\.pairs is 240\.0; allowed: a whole number"),
        (["corpus", "rewrites"], 0, r"captions of model 'laclip' has 'rewrites'; .* has none"),
        (["finetune", "lr"], float("nan"), r"finetune\.lr is nan; allowed: a number"),
        (["finetune", "sensitivity"], [], r"sensitivity is \[\]; allowed: a list of at least 1"),
        (["pruning", "draws"], 5, r"pruning\.draws is 5; allowed: a multiple of 2"),
        (["pruning", "orders"], 0, r"pruning\.orders is 0; .* at least 1"),
        (["datasets", 0, "images"], 19, r"images of dataset 'digits' is 19; allowed: at least 20"),
        (["evaluation", "precision"], "half", r"precision is 'half'; .* 'float32', 'bfloat16'"),
        (["evaluation", "max_samples"], 30, r"max_samples is 30; allowed: at least 36"),
        (["corpus", "kind"], "coco", r"corpus\.kind is 'coco'; allowed: one of 'glyphs'"),
        (
            ["gpus"],
            {"pretrain": 3},
            r"model 'clip' is 256; .* a multiple of gpus\.pretrain, which is 3",
        ),
        (
            ["gpus"],
            {"finetune": 7},
            r"finetune\.batch_size is 256; .* of gpus\.finetune, which is 7",
        ),
        (["gpus"], {"finetune": 0}, r"gpus\.finetune is 0; allowed: a number of at least 1"),
        (["gpus"], 2, r"gpus is 2; allowed: keys with values"),
        (["remedy", "cs"], [0.2], r"remedy\.cs has 0\.2; allowed: values of misalignment\.cs"),
        (["remedy", "neighbours"], 1200, r"neighbours is 1200; .* fewer than the 1200 clean pairs"),
        (["remedy", "drop"], [1.0], r"remedy\.drop\[0\] is 1\.0; allowed"),
        (["remedy", "drop"], [0.99], r"drop has 0\.99, .* leaves 120 of 12000 .* which is 256"),
        (["misalignment", "cs"], [1], r"misalignment\.cs\[0\] is 1; allowed: a number below 1"),
        (["corpus", "noise", "wrong"], 2, r"corpus\.noise\.wrong is 2; .* at most 1"),
        (
            ["downstream", "neighbours"],
            1001,
            r"neighbours is 1001; allowed: at most the 1000 images",
        ),
        (
            ["downstream", "probe", "lr"],
            0,
            r"downstream\.probe\.lr is 0; allowed: a number above 0",
        ),
        (["downstream", "pairs", "seed"], 0, r"pairs\.seed is 0; allowed: any but corpus\.seed"),
        (
            ["downstream", "pairs", "name"],
            "shapes",
            r"name is 'shapes'; allowed: .* but a dataset's",
        ),
        (["downstream", "pairs", "kind"], "urls", r"kind is 'urls'; allowed: one of 'glyphs'"),
        (
            ["datasets", 6, "train_of"],
            "birds",
            r"is 'birds'; allowed: a dataset that is tested \(dig",
        ),
        (
            ["datasets", 6, "train_of"],
            "glyphs_train",
            r"is 'glyphs_train'; allowed: a dataset that",
        ),
        (["datasets", 6, "task"], "shapes", r"'glyphs_train' is 'shapes'; allowed: 'glyphs'"),
        (
            ["datasets", 2, "train_of"],
            "digits",
            r"train_of .* is 'glyphs'; allowed: a dataset that",
        ),
        (["finetune", "validation"], "glyphs", r"train_of .* is 'glyphs'; allowed: a dataset that"),
        (["finetune", "validation"], "glyphs_train", r"validation is 'glyphs_train'; allowed: one"),
    ],
)
def test_bad_values_are_explained(config, root, path, value, message):
    with pytest.raises(ValueError, match=message) as error:
        check(change(config, path, value), root)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.0001, 0.9999])
def test_a_share_swaps_some_pairs_and_leaves_some(config, root, share):
    config["misalignment"]["cs"] = [share]
    del config["remedy"]
    check(config, root)
    config["corpus"]["pairs"] = 5000
    with pytest.raises(ValueError, match=rf"cs has {share}, which swaps (0|5000) of 5000 pairs"):
        check(config, root)


def test_remedies_need_clean_pairs_where_most_are_swapped(config, root):
    config["misalignment"]["cs"] = config["remedy"]["cs"] = [0.9997]
    with pytest.raises(ValueError, match="neighbours is 5; allowed: fewer than the 4 clean pairs"):
        check(config, root)


def test_training_images_belong_to_the_section_that_learns_from_them(config, root):
    section = config.pop("downstream")
    with pytest.raises(ValueError, match=r"'glyphs_train' has train_of; .* downstream only"):
        check(config, root)
    config["datasets"].pop()
    check(config, root)
    del section["pairs"]
    with pytest.raises(ValueError, match="downstream has nothing to look at"):
        check(config | {"downstream": section}, root)


def test_images_are_not_tested_and_learned_from(config, root, tmp_path):
    """However the folder's path is spelled."""
    tested, others = (
        {"kind": "image_folder", "path": "birds"},
        {"kind": "image_folder", "path": "./birds/"},
    )
    config["datasets"] = [tested | {"name": "a"}, others | {"name": "b", "train_of": "a"}]
    message = "dataset 'b' has images of 'a', which it is train_of; allowed: others"
    with pytest.raises(ValueError, match=message):
        check(config, root)
    config["datasets"] = [tested | {"name": "a"}, others | {"name": "b"}]
    del config["downstream"]
    with pytest.raises(ValueError, match="validation is 'b', whose images are those of 'a'"):
        check(change(config, ["finetune", "validation"], "b"), root)


def test_a_dataset_has_its_training_images_once(config, root):
    config["datasets"].append(config["datasets"][6] | {"name": "more", "seed": 3})
    with pytest.raises(ValueError, match=r"2 entries with train_of 'glyphs'; allowed: one"):
        check(config, root)


def test_training_images_come_from_torchvision_where_it_has_such_a_split(config, root):
    config["datasets"] = [FROM_TORCHVISION | {"name": "tested"}]
    config["datasets"].append(FROM_TORCHVISION | {"train_of": "tested"})
    check(config, root)
    for dataset in config["datasets"]:
        dataset["dataset"] = "eurosat"
    with pytest.raises(ValueError, match=r"a split of training images, which 'eurosat' has not"):
        check(config, root)


def test_held_out_pairs_lie_in_shards_that_are_not_the_corpuss(config, root):
    pairs = {"name": "coco", "kind": "shards", "shards": ["coco/{0..1}.tar"], "pairs": 50}
    config["downstream"]["pairs"] = pairs
    check(config, root)
    assert list_brought_files(config, root) == dict.fromkeys(
        ("coco/0.tar", "coco/1.tar"), "shards of pairs 'coco'"
    )
    config["corpus"] = {
        "name": "glyphs",
        "kind": "shards",
        "shards": ["coco/{1..9}.tar"],
        "pairs": 12000,
        "validation_pairs": 100,
        "min_success": 0.5,
    }
    config["models"] = config["models"][:1]
    with pytest.raises(ValueError, match=r"shards has coco/1\.tar; allowed: .* not the corpus's"):
        check(config, root)


@pytest.mark.parametrize("device", ["cpu", "cuda", "auto"])
def test_bfloat16_is_refused_where_only_the_cpu_is_used(config, root, device):
    config |= {"device": device}
    config["evaluation"]["precision"] = "bfloat16"
    if device != "cpu":
        return check(config, root)
    with pytest.raises(ValueError, match=r"precision is 'bfloat16'; .* where device is 'cpu'"):
        check(config, root)


def dataset(kind, **keys):
    return {"name": "birds", "kind": kind, **keys}


FROM_TORCHVISION = dataset("torchvision", dataset="cifar10", root="roots", download=False)
FOLDER = dataset("image_folder", path="folder")
SHARDS = dataset("webdataset", shards=["birds/{0..3}.tar", "last.tar"], classnames="names.txt")


@pytest.mark.parametrize(
    ("entry", "most", "message"),
    [
        (FROM_TORCHVISION, 20, None),
        (FROM_TORCHVISION, 19, r"max_samples is 19; allowed: at least 20, .* of 'birds'"),
        (FROM_TORCHVISION | {"dataset": "cifar"}, 99, r"is 'cifar'; allowed: .*'cifar100', 'dtd'"),
        (FROM_TORCHVISION | {"dataset": "imagenet"}, 2000, None),
        (
            FROM_TORCHVISION | {"dataset": "imagenet", "download": True},
            2000,
            r"download of dataset 'birds' is True; allowed: False\. ImageNet cannot",
        ),
        (FROM_TORCHVISION | {"dataset": "imagenet"}, 1999, "max_samples is 1999; .* 2000"),
        (FROM_TORCHVISION | {"classnames": "names.txt"}, 99, "has 3 names; .* its 10 classes"),
        (FROM_TORCHVISION | {"classnames": "none.txt"}, 99, None),
        (FROM_TORCHVISION | {"classnames": "empty.txt"}, 99, "'birds': empty.txt is empty"),
        (FROM_TORCHVISION | {"classnames": ["a"]}, 99, r"classnames is \['a'\]; allowed: a text"),
        (FROM_TORCHVISION | {"templates": "imagenet"}, 99, r"templates is 'imagenet'; .*photo"),
        (FROM_TORCHVISION | {"templates": "imagenet_7"}, 99, None),
        (FROM_TORCHVISION | {"images": 5}, 99, r"Unknown key images in datasets\[0\]; known: .*"),
        (FOLDER, 4, None),
        (FOLDER, 3, "max_samples is 3; allowed: at least 4, two of each class of 'birds'"),
        (FOLDER | {"classnames": "names.txt"}, 99, "has 3 names; .* its 2 classes"),
        (FOLDER | {"path": "empty"}, 99, "dataset 'birds': empty holds 0 class folders"),
        (FOLDER | {"path": "none"}, 99, None),
        (SHARDS, 6, None),
        (SHARDS, 5, "max_samples is 5; allowed: at least 6"),
        (SHARDS | {"shards": ["{0..3.tar"]}, 99, r"\['{0\.\.3\.tar'\]: Unbalanced braces"),
        (SHARDS | {"shards": ["{0..3}.tar", "2.tar"]}, 99, r"has 2\.tar twice"),
        (dataset("webdataset", shards=["a.tar"]), 99, r"datasets\[0\] lacks classnames"),
        (
            dataset("glyphs", task="shapes", images=80, seed=0, templates="photo"),
            99,
            r"Unknown key templates in datasets\[0\]",
        ),
    ],
)
def test_datasets_of_all_kinds(config, root, tmp_path, monkeypatch, entry, most, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("jay\n\nwren\ncoot\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "empty").mkdir()
    for name in ("folder/a/0.png", "folder/a/1.png", "folder/b/0.png", "folder/b/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    config["datasets"] = [entry]
    config["evaluation"]["max_samples"] = most
    if message is None:
        return check(config, root)
    with pytest.raises(ValueError, match=message) as error:
        check(config, root)
    assert "\n" not in str(error.value)


def test_what_must_be_brought_is_described(config, root):
    imagenet = FROM_TORCHVISION | {"name": "imagenet", "dataset": "imagenet", "root": "/data"}
    config["datasets"] += [
        FROM_TORCHVISION | {"name": "cifar", "templates": "own.txt"},
        FROM_TORCHVISION | {"name": "dtd", "dataset": "dtd", "download": True},
        imagenet,
        FOLDER,
        SHARDS | {"name": "wilds"},
    ]
    files = list_brought_files(config, root)
    home = "https://www.cs.toronto.edu/~kriz/cifar.html or set its `download: true`"
    assert files["roots/cifar-10-batches-py"] == f"CIFAR10 of dataset 'cifar', from {home}"
    assert files["folder"] == "a folder for each class of dataset 'birds'"
    assert list(files) == [
        "roots/cifar-10-batches-py",
        "own.txt",
        "/data/ILSVRC2012_img_val.tar",
        "/data/ILSVRC2012_devkit_t12.tar.gz",
        "folder",
        *(f"birds/{n}.tar" for n in range(4)),
        "last.tar",
        "names.txt",
    ]
    text = explain_missing(files)
    assert "birds/0.tar, birds/1.tar, birds/2.tar and 2 more (shards of dataset 'wilds')" in text
    assert "(ImageNet of dataset 'imagenet', from https://image-net.org/download.php)" in text
    assert "\n" not in text


def test_a_missing_key_is_named(config, root):
    del config["models"]
    with pytest.raises(ValueError, match="the configuration lacks models"):
        check(config, root)


@pytest.mark.parametrize(
    "experiments", [["pruning"], ["misalignment", "finetune", "remedy", "seeds"]]
)
def test_experiments_can_be_left_out(config, root, experiments):
    for section in experiments:
        del config[section]
    check(config, root)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("finetune", r"lacks finetune, which misalignment needs\.$"),
        ("misalignment", r"lacks misalignment, which finetune and seeds and remedy need\.$"),
        ("datasets", "lacks datasets, which pruning and page and misalignment and downstream need"),
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


# --- Corpora that are brought ---------------------------------------------------------------------


PAIRS = {"name": "glyphs", "pairs": 1000, "validation_pairs": 100, "min_success": 0.5}
DOWNLOAD = {"user_agent": "me", "image_size": 64, "max_pixels": 9, "max_bytes": 9, "deadline": 1}
DOWNLOAD |= {"attempts": 1, "max_redirects": 1, "connections": 1, "connections_per_host": 1}
CORPORA = {
    "urls": PAIRS
    | {"urls": "l.tsv", "rows": 2000, "pairs_per_shard": 500}
    | {"download": DOWNLOAD | {"allowed_addresses": []}},
    "table": PAIRS
    | {"table": "t.csv", "rows": 2000, "pairs_per_shard": 500, "root": "images"}
    | {"path_column": "a", "caption_column": "b", "image_size": 64, "max_pixels": 9},
    "shards": PAIRS | {"shards": ["a/{000..331}.tar", "b.tar"]},
}
REWRITES = {"files": ["r1.txt", "r2.txt"], "captions": "o.csv"}


def bring(config, kind, **changes):
    return config | {"corpus": CORPORA[kind] | {"kind": kind, "rewrites": REWRITES} | changes}


@pytest.mark.parametrize("kind", CORPORA)
def test_brought_corpora_are_valid_and_name_what_to_bring(config, root, kind):
    config = bring(config, kind, keys="k.txt")
    check(config, root)
    shards = [f"a/{n:03d}.tar" for n in range(332)]
    inputs = {"urls": ["l.tsv"], "table": ["t.csv", "images"], "shards": [*shards, "b.tar"]}
    others = ["k.txt", "o.csv", "r1.txt", "r2.txt"]
    assert list(list_brought_files(config, root)) == inputs[kind] + others


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("urls", {"rows": 1099}, r"corpus\.rows is 1099; allowed: at least .* are 1100"),
        ("table", {"rows": 1099}, r"corpus\.rows is 1099; allowed: at least .* are 1100"),
        (
            "urls",
            {"download": DOWNLOAD | {"allowed_addresses": ["127.0.0.1", "10.0.0.1/8"]}},
            r"corpus\.download\.allowed_addresses has '10\.0\.0\.1/8'; allowed: networks such as",
        ),
        (
            "urls",
            {"download": DOWNLOAD | {"allowed_addresses": ["localhost"]}},
            r"allowed_addresses has 'localhost'; allowed",
        ),
        (
            "table",
            {"table": "t.xlsx"},
            r"corpus\.table is 't\.xlsx'; allowed: text that",
        ),
        ("shards", {"shards": ["a/{00..01.tar"]}, r"shards is .*; allowed: braces that are closed"),
        (
            "shards",
            {"shards": ["{1..2}.tar", "2.tar"]},
            r"corpus\.shards has 2\.tar twice; allowed",
        ),
        (
            "shards",
            {"shards": ["{1..2}.tar", "a/../2.tar"]},
            r"corpus\.shards has 2\.tar twice; allowed",
        ),
        ("shards", {"rows": 5}, r"Unknown key rows in corpus"),
        ("shards", {"rewrites": {"files": []}}, r"rewrites\.files is \[\]; .* at least 1"),
        ("shards", {"rewrites": 3}, r"corpus\.rewrites is 3; allowed: keys with values"),
    ],
)
def test_bad_corpora_are_explained(config, root, kind, changes, message):
    with pytest.raises(ValueError, match=message):
        check(bring(config, kind, **changes), root)


def test_rewrites_must_be_there_for_a_model_that_wants_them(config, root):
    config = bring(config, "shards")
    del config["corpus"]["rewrites"]
    with pytest.raises(ValueError, match="'laclip' has 'rewrites'; the corpus has none"):
        check(config, root)


def test_many_missing_files_are_abbreviated():
    files = {f"{n}.tar": "shards" for n in range(332)}
    assert "0.tar, 1.tar, 2.tar and 329 more (shards). Put" in explain_missing(files)


def test_held_out_pairs_are_needed_unless_the_best_epoch_is_chosen_elsewhere(config, root):
    config = bring(config, "shards", validation_pairs=0)
    with pytest.raises(ValueError, match=r"validation_pairs is 0; .* finetune\.validation names"):
        check(config, root)
    check(change(config, ["finetune", "validation"], "digits"), root)


def test_a_study_of_projections_has_nothing_to_test(config, root):
    model = {"name": "blip", "kind": "projections", "checkpoint": "blip.pth"}
    check({key: config[key] for key in ("results", "data", "device")} | {"models": [model]}, root)
    with pytest.raises(ValueError, match="cannot be tested on datasets"):
        check(config | {"models": [model]}, root)


def test_more_pretrainings_are_other_runs_under_other_names(config, root):
    check(change(config, ["models", 0, "more_seeds"], [1, 2]), root)
    with pytest.raises(ValueError, match=r"more_seeds of model 'clip' has 0; allowed: seeds other"):
        check(change(config, ["models", 0, "more_seeds"], [0, 1]), root)
    with pytest.raises(ValueError, match=r"models\[0\].more_seeds is \[1\]; allowed: .* 2"):
        check(change(config, ["models", 0, "more_seeds"], [1]), root)
    other = change(config, ["models", 1, "name"], "clip_seed1")
    with pytest.raises(ValueError, match="makes a model 'clip_seed1', which is there already"):
        check(change(other, ["models", 0, "more_seeds"], [1, 2]), root)


def test_a_baseline_is_a_model(config, root):
    check(change(config, ["models", 1, "baseline"], "clip"), root)
    with pytest.raises(ValueError, match=r"baseline of model 'laclip' is 'blip'; .* 'clip'"):
        check(change(config, ["models", 1, "baseline"], "blip"), root)


def test_a_key_is_given_once(tmp_path, root):
    path = tmp_path / "mine.yaml"
    for study in (root / "config.yaml", *root.glob("config/*.yaml")):
        check_keys(study)
    path.write_text("seeds: [1]\nmodels:\n  - {name: a, kind: scratch}\nseeds: [2]\n")
    with pytest.raises(ValueError, match=r"mine\.yaml has the key 'seeds' twice, in lines 1 and 4"):
        check_keys(path)
    path.write_text("models:\n  - {name: a, name: b}\n")
    with pytest.raises(ValueError, match="the key 'name' twice, in lines 2 and 2"):
        check_keys(path)


# --- Models that are not trained here -------------------------------------------------------------

DIGEST = "0123456789abcdef" * 4
LACLIP = {"name": "a", "kind": "laclip", "architecture": "ViT-B-16", "checkpoint": "c/a.pt"}
OPEN_CLIP = {"name": "b", "kind": "open_clip", "architecture": "ViT-B-32"}
TAGGED = OPEN_CLIP | {"name": "c", "pretrained": "laion2b_s34b_b79k"}
FETCHED = OPEN_CLIP | {"checkpoint": "c/b.pt", "url": "https://example.org/b", "sha256": DIGEST}
PROJECTIONS = {"name": "d", "kind": "projections", "checkpoint": "c/albef.pth"}


def test_models_of_all_kinds_are_valid(config, root):
    check(config | {"models": [*config["models"], LACLIP, TAGGED, FETCHED, PROJECTIONS]}, root)


def test_checkpoints_are_brought_or_fetched(config, root):
    config["models"] = [LACLIP, TAGGED, FETCHED, PROJECTIONS, FETCHED | {"name": "again"}]
    brought = list_brought_files(config, root)
    assert list(brought) == ["c/a.pt", "c/albef.pth"]
    assert "c/a.pt (the checkpoint of model 'a', docs/models.md)" in explain_missing(brought)
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
        (LACLIP | {"sha256": "abc"}, r"sha256 is 'abc'; allowed: 64 hexadecimal digits"),
        (
            LACLIP | {"url": "file:///a", "sha256": DIGEST},
            r"url is .*; allowed: an address",
        ),
        (LACLIP | {"url": "https://example.org/a"}, r"'a' has a url; allowed: with .* sha256"),
        (LACLIP | {"seed": 1}, r"Unknown key seed in models\[0\]; known: architecture, baseline"),
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
        (
            LACLIP | {"published": {"mnist": [1, 2]}},
            r"published of model 'a' names 'mnist'; allowed",
        ),
        (PROJECTIONS | {"url": "https://a.b"}, r"Unknown key url in models\[0\]; known: check"),
    ],
)
def test_bad_models_are_explained(config, root, model, message):
    with pytest.raises(ValueError, match=message) as error:
        check(config | {"models": [model]}, root)
    assert "\n" not in str(error.value)


def test_one_checkpoint_is_one_file(config, root):
    other = FETCHED | {"name": "other", "sha256": DIGEST[::-1]}
    with pytest.raises(ValueError, match=r"c/b\.pt, which another model names with another url"):
        check(config | {"models": [FETCHED, other]}, root)


@pytest.mark.parametrize("section", ["corpus", "datasets"])
def test_an_entry_without_a_kind_lacks_it_and_nothing_else(config, root, section):
    entry = config[section][0] if section == "datasets" else config[section]
    del entry["kind"]
    with pytest.raises(ValueError, match=r"not valid\. \S+ lacks kind\.$"):
        check(config, root)
