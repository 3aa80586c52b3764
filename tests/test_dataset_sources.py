"""Downstream datasets as others keep them: tiny stand-ins in the layouts that torchvision reads.

Every image is known, so that what comes out can be held against what went in: the same bytes where
there are files, the same pixels where there are arrays.
"""

import io
import json
import pickle
import socket
import tarfile

import numpy as np
import pytest
import torch
import torchvision.datasets
from PIL import Image

from lib.corpus import iterate_samples
from lib.dataset_registry import REGISTRY, choose_split, list_files, read_registry
from lib.dataset_sources import open_folder, open_torchvision, write_source
from lib.datasets import iterate_rows, read_labels, read_prompts, write_prompts
from lib.image_folder import fingerprint
from lib.templates import TEMPLATES, choose_templates
from tests.conftest import ROOT
from tests.real_data import IMAGES, require

REGISTERED = read_registry(ROOT)


@pytest.fixture(autouse=True)
def keep_the_default_timeout():
    """Downloads set it for the whole process."""
    yield
    socket.setdefaulttimeout(None)


def save_image(path, seed=0, mode="RGB", size=(20, 16)):
    """Write noise in a mode of Pillow, in the form that the suffix says; give its bytes."""
    noise = np.random.default_rng(seed).integers(256, size=(size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    if mode == "I;16":
        image = Image.fromarray(noise[:, :, 0].astype(np.uint16) * 256)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.convert(mode).save(path)
    return path.read_bytes()


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# Each lays down a stand-in under `root`, and gives its class names and, by row, image and label:
# bytes of a file, or pixels.


def make_eurosat(root):
    folder = root / "eurosat/2750"
    rows = [(name, n) for name in ("AnnualCrop", "Forest", "River") for n in (1, 2)]
    images = [save_image(folder / f"{c}/{c}_{n}.jpg", i) for i, (c, n) in enumerate(rows)]
    return ["annual crop land", "forest", "river"], images, [0, 0, 1, 1, 2, 2]


def make_food101(root):
    base = root / "food-101"
    listed = {"waffles": ["waffles/7", "waffles/3"], "apple_pie": ["apple_pie/9"]}
    write_text(base / "meta/test.json", json.dumps(listed))
    names = [name for names in listed.values() for name in names]
    images = [save_image(base / f"images/{name}.jpg", i) for i, name in enumerate(names)]
    save_image(base / "images/waffles/4.jpg")  # of the training split
    return ["apple_pie", "waffles"], images, [1, 1, 0]


def make_caltech101(root):
    base = root / "caltech101/101_ObjectCategories"
    save_image(base / "BACKGROUND_Google/image_0001.jpg")
    rows = [("Faces", 1), ("Faces", 2), ("wild_cat", 1)]
    modes = ("RGB", "L", "RGB")
    images = [
        save_image(base / f"{name}/image_{n:04d}.jpg", n, mode)
        for (name, n), mode in zip(rows, modes, strict=True)
    ]
    return ["Faces", "wild_cat"], images, [0, 0, 1]


def make_pets(root):
    base = root / "oxford-iiit-pet"
    write_text(base / "annotations/test.txt", "pug_dog_3 2 1 1\nAbyssinian_7 1 1 1\n")
    names = ("pug_dog_3", "Abyssinian_7")
    modes = ("RGB", "CMYK")
    pixels = []
    for seed, (name, mode) in enumerate(zip(names, modes, strict=True)):
        path = base / f"images/{name}.jpg"
        save_image(path, seed, mode)
        pixels.append(np.asarray(Image.open(path).convert("RGB")))
    return ["Abyssinian", "Pug Dog"], pixels, [1, 0]


def make_dtd(root):
    base = root / "dtd/dtd"
    names = ["polka-dotted/b.jpg", "banded/a.jpg", "banded/c.jpg"]
    write_text(base / "labels/test1.txt", "".join(f"{name}\n" for name in names))
    write_text(base / "labels/test2.txt", "banded/a.jpg\n")
    images = [save_image(base / "images" / name, i) for i, name in enumerate(names)]
    return ["banded", "polka-dotted"], images, [1, 0, 0]


def make_imagenet(root):
    wnids = ["n01440764", "n01443537"]
    root.mkdir(parents=True, exist_ok=True)
    torch.save((dict.fromkeys(wnids, ("a", "b")), wnids), root / "meta.bin")
    images = [save_image(root / f"val/{wnid}/v_1.jpeg", i) for i, wnid in enumerate(wnids)]
    for wnid in wnids:  # as the archive has it
        (root / f"val/{wnid}/v_1.jpeg").rename(root / f"val/{wnid}/v_1.JPEG")
    return ["tench", "goldfish"], images, [0, 1]


def make_arrays(n, size):
    return np.random.default_rng(n).integers(256, size=(n, 3, size, size), dtype=np.uint8)


def make_cifar(folder, batch, meta, key, classes, label_key):
    pixels, labels = make_arrays(4, 32), [1, 0, 1, 1]
    folder.mkdir(parents=True)
    content = {"data": pixels.reshape(4, -1), label_key: labels}
    (folder / batch).write_bytes(pickle.dumps(content))
    (folder / meta).write_bytes(pickle.dumps({key: classes}))
    return classes, list(pixels.transpose(0, 2, 3, 1)), labels


def make_cifar10(root):
    folder = root / "cifar-10-batches-py"
    return make_cifar(folder, "test_batch", "batches.meta", "label_names", ["cat", "dog"], "labels")


def make_cifar100(root):
    folder = root / "cifar-100-python"
    classes = ["aquarium_fish", "bee"]
    return make_cifar(folder, "test", "meta", "fine_label_names", classes, "fine_labels")


def make_stl10(root):
    folder = root / "stl10_binary"
    pixels, labels = make_arrays(3, 96), np.array([2, 1, 2], dtype=np.uint8)
    folder.mkdir(parents=True)
    pixels.transpose(0, 1, 3, 2).tofile(folder / "test_X.bin")  # column by column
    labels.tofile(folder / "test_y.bin")
    write_text(folder / "class_names.txt", "airplane\nbird\n")
    return ["airplane", "bird"], list(pixels.transpose(0, 2, 3, 1)), [1, 0, 1]


MAKERS = {
    "caltech101": make_caltech101,
    "cifar10": make_cifar10,
    "cifar100": make_cifar100,
    "dtd": make_dtd,
    "eurosat": make_eurosat,
    "food101": make_food101,
    "imagenet": make_imagenet,
    "pets": make_pets,
    "stl10": make_stl10,
}
CHECKED = ("cifar10", "cifar100", "stl10")  # torchvision compares the sums of their files


def make_entry(name, classes, labels):
    """The registry's entry, as large as the stand-in."""
    entry = REGISTERED[name] | {"images": len(labels), "classes": len(classes)}
    if entry["names"] not in ("classes", "categories"):
        entry["names"] = classes
    return entry


def let_pass(monkeypatch, name):
    """No stand-in has the right sums: they alone are not looked at."""
    if name in CHECKED:
        made = getattr(torchvision.datasets, REGISTERED[name]["class"])
        monkeypatch.setattr(made, "_check_integrity", lambda self: True)
        monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)


@pytest.mark.parametrize("name", REGISTERED)
def test_a_registered_dataset_comes_out_as_it_went_in(tmp_path, monkeypatch, name):
    let_pass(monkeypatch, name)
    classes, images, labels = MAKERS[name](tmp_path / "root")
    entry = make_entry(name, classes, labels)
    assert all(path.exists() for path in list_files(entry, tmp_path / "root"))
    source = open_torchvision(entry, tmp_path / "root", download=False)
    assert source.classes == classes
    shard = tmp_path / "test.tar"
    write_source(source, shard)
    assert read_labels([shard], len(classes)).tolist() == labels
    for image, (_, parts) in zip(images, iterate_samples([shard]), strict=True):
        (suffix,) = parts.keys() - {"cls"}
        if isinstance(image, bytes):
            assert parts[suffix] == image
        else:
            assert suffix == "png"
            assert np.array_equal(Image.open(io.BytesIO(parts[suffix])), image)
    decoded = list(iterate_rows([shard], np.arange(len(labels))))
    assert {image.mode for image in decoded} == {"RGB"}
    before = shard.read_bytes()
    write_source(open_torchvision(entry, tmp_path / "root", download=False), shard)
    assert shard.read_bytes() == before


@pytest.mark.parametrize("name", REGISTERED)
def test_a_missing_dataset_is_named_with_its_files_and_its_home(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name} cannot be read from .*none") as error:
        open_torchvision(REGISTERED[name], tmp_path / "none", download=False)
    for part in (*REGISTERED[name]["files"], REGISTERED[name]["home"]):
        assert part in str(error.value)


@pytest.mark.parametrize("name", CHECKED)
def test_files_with_other_sums_are_refused(tmp_path, name):
    MAKERS[name](tmp_path)
    with pytest.raises(ValueError, match=f"{name} cannot be read .*not found or corrupted"):
        open_torchvision(REGISTERED[name], tmp_path, download=False)


def test_missing_class_names_are_an_error(tmp_path, monkeypatch):
    let_pass(monkeypatch, "stl10")
    make_stl10(tmp_path)
    (tmp_path / "stl10_binary/class_names.txt").unlink()
    with pytest.raises(ValueError, match=r"stl10 cannot be read .* no attribute 'classes'"):
        open_torchvision(REGISTERED["stl10"], tmp_path, download=False)


def test_what_an_interrupted_download_left_is_refused(tmp_path):
    """torchvision takes a folder that is there for a whole one."""
    make_eurosat(tmp_path)
    message = "has 6 images of 10 classes, expected 27000 of 10; remove what an interrupted"
    with pytest.raises(ValueError, match=message):
        open_torchvision(REGISTERED["eurosat"], tmp_path, download=False)
    classes, _, labels = make_food101(tmp_path)
    (tmp_path / "food-101/images/waffles/3.jpg").unlink()
    source = open_torchvision(make_entry("food101", classes, labels), tmp_path, download=False)
    with pytest.raises(ValueError, match=r"image 2 of 3 cannot be read: .*waffles/3\.jpg"):
        write_source(source, tmp_path / "test.tar")
    assert not (tmp_path / "test.tar").exists()


def test_a_download_goes_through_torchvision(tmp_path, monkeypatch):
    asked = []

    def play_the_web(url, download_root, md5):
        asked.append((url.rpartition("/")[2], md5))
        make_dtd(tmp_path / "root")

    monkeypatch.setattr("torchvision.datasets.dtd.download_and_extract_archive", play_the_web)
    entry = make_entry("dtd", ["banded", "polka-dotted"], [1, 0, 0])
    for _ in range(2):
        source = open_torchvision(entry, tmp_path / "root", download=True)
        assert len(source.images) == 3
    assert asked == [("dtd-r1.0.1.tar.gz", torchvision.datasets.DTD._MD5)]


def test_a_download_that_fails_is_explained(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.dtd.download_and_extract_archive", fail)
    with pytest.raises(ValueError, match=r"dtd cannot be read from .*: no route to host; expected"):
        open_torchvision(REGISTERED["dtd"], tmp_path, download=True)


def test_training_images_are_another_split_of_the_same_dataset(tmp_path, monkeypatch):
    entry = choose_split(REGISTERED["dtd"], training=True)
    assert entry["arguments"] == {"split": "train", "partition": 1}
    assert "train" not in choose_split(REGISTERED["dtd"], training=False)
    classes, _, labels = make_dtd(tmp_path)
    folder = tmp_path / "dtd/dtd/labels"
    (folder / "test1.txt").rename(folder / "train1.txt")
    entry |= {"images": len(labels), "classes": len(classes)}
    assert open_torchvision(entry, tmp_path, download=False).classes == classes


@pytest.mark.parametrize("name", REGISTERED)
def test_the_registry_names_what_torchvision_has(name):
    assert hasattr(torchvision.datasets, REGISTERED[name]["class"])
    assert REGISTERED[name]["templates"] in TEMPLATES


def test_an_entry_with_a_wrong_class_or_argument_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"torchvision\.datasets has no class 'DTT'"):
        open_torchvision(REGISTERED["dtd"] | {"class": "DTT"}, tmp_path, download=False)
    with pytest.raises(ValueError, match=r"dtd cannot be read .* unexpected keyword"):
        open_torchvision(REGISTERED["dtd"] | {"arguments": {"fold": 1}}, tmp_path, download=False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: dtd", "nam: dtd", r"\$\[6\]: .*'nam' was unexpected"),
        ("name: dtd", "name: pets", "two entries named 'pets'"),
        ("  home: https://cs.stanford.edu/~acoates/stl10/\n", "", r"\$\[2\]: 'home' is a required"),
        ("    - forest\n", "", "eurosat names 9 classes of 10"),
        ("images: 25250", "images: many", r"\$\[3\]\.images: 'many' is not of type 'integer'"),
        ("files: [dtd/dtd]", "files: [dtd/dtd", "is not valid YAML"),
    ],
)
def test_a_bad_registry_is_explained(tmp_path, old, new, message):
    for name in (REGISTRY, "workflow/schemas/datasets.schema.yaml"):
        write_text(tmp_path / name, (ROOT / name).read_text())
    text = (ROOT / REGISTRY).read_text()
    assert old in text
    write_text(tmp_path / REGISTRY, text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        read_registry(tmp_path)


def test_of_alternatives_the_first_that_is_there_is_named(tmp_path):
    archive, devkit = list_files(REGISTERED["imagenet"], tmp_path)
    assert (archive.name, devkit.name) == ("ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz")
    make_imagenet(tmp_path)
    assert [path.name for path in list_files(REGISTERED["imagenet"], tmp_path)] == [
        "val",
        "meta.bin",
    ]
    archive.touch()
    assert list_files(REGISTERED["imagenet"], tmp_path)[0] == archive


# --- Prompts --------------------------------------------------------------------------------------


def test_imagenet_has_its_usual_names_and_templates(tmp_path, monkeypatch):
    make_imagenet(tmp_path)
    entry = REGISTERED["imagenet"] | {"images": 2}
    classes = open_torchvision(entry, tmp_path, download=False).classes
    assert (len(classes), classes[0], classes[1]) == (1000, "tench", "goldfish")
    paths = tmp_path / "names.txt", tmp_path / "templates.txt"
    write_prompts(*paths, classes, choose_templates(entry["templates"]))
    prompts = read_prompts(*paths)
    assert prompts.classes == classes
    assert len(prompts.texts[0]) == 80
    assert prompts.texts[0][0] == "a bad photo of a tench."
    assert prompts.texts[1][-1] == "a tattoo of the goldfish."


def test_templates_of_a_set_and_of_a_file(tmp_path):
    assert choose_templates("photo") == ["a photo of a {c}"]
    assert len(choose_templates("imagenet_7")) == 7
    assert choose_templates("imagenet_7")[0] == "itap of a {c}."
    (tmp_path / "own.txt").write_text("{c} seen from above\n\none {c}\n")
    assert choose_templates(str(tmp_path / "own.txt")) == ["{c} seen from above", "one {c}"]


# --- Image folders --------------------------------------------------------------------------------

MODES = [
    ("RGB", "jpg"),
    ("L", "JPG"),
    ("CMYK", "jpeg"),
    ("P", "png"),
    ("RGBA", "png"),
    ("I;16", "png"),
    ("LA", "png"),
    ("1", "png"),
    ("RGB", "webp"),
]


def test_a_folder_of_images_of_all_modes(tmp_path):
    folder = tmp_path / "birds"
    expected = {}
    for number, (mode, suffix) in enumerate(MODES):
        for name in ("zebra_finch", "10 Ärzte"):
            path = folder / name / f"{number}.a.{suffix}"
            save_image(path, number, mode)
            expected[path] = path.read_bytes()
    save_image(folder / "zebra_finch/.hidden.tif")
    write_text(folder / "README.txt", "beside the class folders")
    write_text(folder / ".cache/x.txt", "hidden")
    source = open_folder(folder)
    assert source.classes == ["10 Ärzte", "zebra_finch"]
    write_source(source, tmp_path / "test.tar")
    found = [
        next(content for suffix, content in parts.items() if suffix != "cls")
        for _, parts in iterate_samples([tmp_path / "test.tar"])
    ]
    assert found == [expected[path] for path in sorted(expected)]
    assert read_labels([tmp_path / "test.tar"], 2).tolist() == [0] * 9 + [1] * 9
    images = list(iterate_rows([tmp_path / "test.tar"], np.arange(18)))
    for image, path in zip(images, sorted(expected), strict=True):
        original = Image.open(path)
        if original.mode == "I;16":  # whose lower half would be all that convert() leaves
            original = Image.fromarray((np.asarray(original) >> 8).astype(np.uint8))
        assert np.array_equal(image, original.convert("RGB"))


@pytest.mark.parametrize("content", [b"<html>404</html>", "truncated"])
def test_a_damaged_image_of_a_folder_is_named(tmp_path, content):
    for number, name in enumerate(("a/1", "a/2", "b/1", "b/2")):
        save_image(tmp_path / f"images/{name}.jpg", number)
    damaged = tmp_path / "images/b/2.jpg"
    damaged.write_bytes(damaged.read_bytes()[:-100] if content == "truncated" else content)
    message = (
        r"image 4 of 4 cannot be read: .*images/b/2\.jpg cannot be decoded as an image: (?!.*<)"
    )
    with pytest.raises(ValueError, match=message):
        write_source(open_folder(tmp_path / "images"), tmp_path / "test.tar")
    assert not (tmp_path / "test.tar").exists()


def test_real_images_in_a_folder(tmp_path):
    require(IMAGES)
    with tarfile.open(IMAGES) as tar:
        tar.extractall(tmp_path / "cifar", filter="data")
    source = open_folder(tmp_path / "cifar")
    assert source.classes[:3] == ["airplane", "automobile", "bird"]
    write_source(source, tmp_path / "test.tar")
    labels = read_labels([tmp_path / "test.tar"], 10)
    assert np.bincount(labels).tolist() == [200] * 10
    rows = np.array([0, 450, 1999])
    for image, row in zip(iterate_rows([tmp_path / "test.tar"], rows), rows, strict=True):
        path = tmp_path / "cifar" / source.classes[labels[row]] / f"{row % 200:04d}.jpg"
        assert np.array_equal(image, Image.open(path).convert("RGB"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "b/scan.tif").touch(), r"b/scan\.tif is not expected .* jpg"),
        (lambda folder: (folder / "b/more").mkdir(), "b/more is not expected in a class folder"),
        (lambda folder: (folder / "b/more.jpg").mkdir(), r"b/more\.jpg is no file"),
        (
            lambda folder: (folder / "b/x.png").symlink_to("none.png"),
            r"b/x\.png is no file \(a link",
        ),
        (lambda folder: (folder / "b/1.png").unlink(), "class folder .*b holds 1 images, .* 2"),
        (lambda folder: (folder / "c").mkdir(), "class folder .*c holds 0 images, .* 2"),
        (lambda folder: (folder / "a").rename(folder / ".a"), "birds holds 1 class folders"),
        (lambda folder: folder.rename(folder.with_name("x")), "birds is not a folder"),
    ],
)
def test_an_impossible_folder_is_an_error(tmp_path, change, message):
    folder = tmp_path / "birds"
    for name in ("a/0.png", "a/1.png", "b/0.png", "b/1.png"):
        save_image(folder / name)
    open_folder(folder)
    change(folder)
    with pytest.raises(ValueError, match=message):
        open_folder(folder)


def test_a_fingerprint_tells_other_images(tmp_path):
    for seed, name in enumerate(("a/0.png", "a/1.png", "b/0.png", "b/1.png")):
        save_image(tmp_path / name, seed)
    found = [fingerprint(tmp_path)]
    (tmp_path / "a/0.png").touch()
    assert fingerprint(tmp_path) == found[0]
    save_image(tmp_path / "a/2.png")
    found.append(fingerprint(tmp_path))
    save_image(tmp_path / "a/2.png", size=(9, 9))
    found.append(fingerprint(tmp_path))
    (tmp_path / "a/2.png").rename(tmp_path / "b/2.png")
    found.append(fingerprint(tmp_path))
    assert len(set(found)) == 4
