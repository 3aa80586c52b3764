"""Downstream datasets of one's own in a study: brought, prepared, read in place, and reruns."""

import numpy as np
import pytest
import yaml
from PIL import Image

from lib.corpus import Sample, write_shard
from lib.feature_store import read_dataset_features
from lib.glyphs import TASKS, draw_scene, render
from tests.project import copy_project, snakemake
from tests.test_corpus import encode_image

CONFIG = "config/own.yaml"
FEATURES = "results/own/data/features/clip/datasets/{}.safetensors"
CLASSES = TASKS["shapes"].classes[:3]
PER_CLASS = 5


def draw(index):
    """A scene with a shape, three shapes in turn."""
    fixed = TASKS["shapes"].fixed(CLASSES[index % 3])
    return render(draw_scene(0, "shapes", index, **fixed), np.random.default_rng(index))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("own") / "project")
    config = yaml.safe_load((folder / "config/tiny.yaml").read_text())
    config |= {"results": "results/own", "data": "results/own/data"}
    config["models"] = config["models"][:1]
    config["datasets"] = [
        {"name": "in_folder", "kind": "image_folder", "path": "mine/shapes"},
        {
            "name": "in_shards",
            "kind": "webdataset",
            "shards": ["mine/shards/{0..1}.tar"],
            "classnames": "mine/names.txt",
            "templates": "imagenet_7",
        },
        {
            "name": "eurosat",
            "kind": "torchvision",
            "dataset": "eurosat",
            "root": "mine/torchvision",
            "download": False,
        },
        {
            "name": "pets",
            "kind": "torchvision",
            "dataset": "pets",
            "root": "mine/torchvision",
            "download": True,
        },
    ]
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    return folder


def bring(folder):
    """The same images as a folder and as shards, in another order."""
    images = [draw(index) for index in range(3 * PER_CLASS)]
    for index, pixels in enumerate(images):
        path = folder / f"mine/shapes/{CLASSES[index % 3]}/{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    samples = [
        Sample(f"{index:02d}", {"png": encode_image(pixels), "cls": str(index % 3).encode()})
        for index, pixels in enumerate(images)
    ]
    (folder / "mine/shards").mkdir()
    write_shard(folder / "mine/shards/0.tar", samples[:8])
    write_shard(folder / "mine/shards/1.tar", samples[8:])
    (folder / "mine/names.txt").write_text("".join(f"{name}\n" for name in CLASSES))


def test_what_must_be_brought_is_named_before_the_first_job(folder):
    planned = snakemake(folder, "-n", config=CONFIG).stdout
    result = snakemake(folder, check=False, config=CONFIG)
    assert result.returncode == 1
    told = result.stdout + result.stderr
    for output in (planned, told):
        assert "mine/shapes (a folder for each class of dataset 'in_folder')" in output
        assert "mine/shards/0.tar, mine/shards/1.tar (shards of dataset 'in_shards')" in output
        assert "mine/names.txt (class names of dataset 'in_shards', one a line)" in output
        assert "mine/torchvision/eurosat/2750 (EuroSAT of dataset 'eurosat', from https" in output
        assert "oxford" not in output
    assert "Traceback" not in told
    assert not (folder / "results/own/data").exists()


def test_a_folder_and_shards_are_studied(folder):
    """Both hold the same images: the same features, whether copied or read in place."""
    bring(folder)
    config = yaml.safe_load((folder / CONFIG).read_text())
    config["datasets"] = config["datasets"][:2]
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    targets = [FEATURES.format(name) for name in ("in_folder", "in_shards")]
    snakemake(folder, *targets, config=CONFIG)
    first, second = (read_dataset_features(folder / target) for target in targets)
    order = np.argsort(np.arange(3 * PER_CLASS) % 3, kind="stable")
    assert first.classes == sorted(CLASSES)
    names = np.array(first.classes)[first.labels]
    assert names.tolist() == sorted(np.array(second.classes)[second.labels])
    by_class = np.concatenate(
        [order[second.labels[order] == CLASSES.index(c)] for c in first.classes]
    )
    assert first.images == pytest.approx(second.images[by_class], abs=1e-5)
    assert (first.texts.shape[1], second.texts.shape[1]) == (1, 7)
    made = folder / "results/own/data/datasets"
    assert not (made / "in_shards/test.tar").exists()
    assert (made / "in_folder/templates.txt").read_text() == "a photo of a {c}\n"
    assert "Nothing to be done" in snakemake(folder, "-n", *targets, config=CONFIG).stdout


def test_one_more_image_prepares_its_dataset_anew(folder):
    (folder / "mine/shapes").touch()
    (folder / f"mine/shapes/{CLASSES[0]}/00.png").touch()
    targets = [FEATURES.format(name) for name in ("in_folder", "in_shards")]
    assert "Nothing to be done" in snakemake(folder, "-n", *targets, config=CONFIG).stdout
    Image.fromarray(draw(99)).save(folder / f"mine/shapes/{CLASSES[0]}/99.png")
    output = snakemake(folder, "-n", *targets, config=CONFIG).stdout
    assert "Prepare the images of in_folder" in output
    assert "features of in_shards" not in output
