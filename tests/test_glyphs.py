"""The embedded corpus: what is drawn depends on the seed and on nothing that it should not."""

import io
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binom
from sklearn.datasets import load_digits

from lib.corpus import iterate_images, iterate_samples, load_pixels, read_captions
from lib.datasets import read_labels, read_prompts
from lib.glyphs import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    DIGITS,
    GLYPHS,
    REWRITE_TEMPLATES,
    SHAPES,
    TASKS,
    CorpusSettings,
    DatasetSettings,
    Noise,
    Scene,
    caption_scene,
    draw_corpus,
    draw_dataset,
    draw_scene,
    encode_png,
    load_scans,
    parse_settings,
    render,
)
from lib.neighbours import normalise, vectorise

NOISE = Noise(missing=0.3, wrong=0.2)
SETTINGS = {"pairs": 14, "validation_pairs": 5, "pairs_per_shard": 8, "noise": NOISE}


def draw(folder, **changes):
    """Draw a small corpus: its samples by key, and its caption table."""
    settings = CorpusSettings(**(SETTINGS | changes))
    pairs = settings.pairs + settings.validation_pairs
    shards = [folder / f"{n}.tar" for n in range(-(-pairs // settings.pairs_per_shard))]
    draw_corpus(settings, shards, folder / "captions.parquet")
    return dict(iterate_samples(shards)), read_captions(folder / "captions.parquet")


def read_bytes(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def get_facts(samples):
    """What the samples tell of their scenes, without what is amiss in the captions."""
    return {
        key: {name: fact for name, fact in json.loads(parts["json"]).items() if name != "amiss"}
        for key, parts in samples.items()
    }


def name_said(caption, attribute):
    """The values of an attribute whose words a caption has."""
    return [value for value in ATTRIBUTES[attribute] if value in caption.split()]


# --- The corpus on disk ---------------------------------------------------------------------------


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        draw(tmp_path / name, seed=seed, rewrites=2)
    one, again, other = (read_bytes(tmp_path / name) for name in ("one", "again", "other"))
    assert set(one) == {"0.tar", "1.tar", "2.tar", "captions.parquet"}
    assert one == again
    assert all(one[name] != other[name] for name in one)


def test_shards_and_table_tell_the_same(tmp_path):
    samples, table = draw(tmp_path, rewrites=2)
    assert table.keys == list(samples)
    expected = [f"train-{row:07d}" for row in range(14)]
    assert table.keys == expected + [f"validation-{row:07d}" for row in range(5)]
    assert table.splits == [key.split("-")[0] for key in samples]
    assert table.captions == [parts["txt"].decode() for parts in samples.values()]
    assert [len(rewrites) for rewrites in table.rewrites] == [19, 19]
    assert table.shards == [0] * 8 + [1] * 8 + [2] * 3
    for row, (key, parts) in enumerate(samples.items()):
        split, index = key.split("-")
        scene = draw_scene(0, split, int(index))
        settings = CorpusSettings(**SETTINGS, rewrites=2)
        caption, amiss, rewrites = caption_scene(scene, settings, split, int(index))
        assert json.loads(parts["json"]) == scene._asdict() | {"amiss": amiss}
        assert caption == table.captions[row]
        assert rewrites == [column[row] for column in table.rewrites]
        assert Image.open(io.BytesIO(parts["png"])).size == (32, 32)


def test_scenes_do_not_depend_on_how_many_there_are(tmp_path):
    few, table = draw(tmp_path / "few", rewrites=1)
    many, longer = draw(tmp_path / "many", rewrites=1, pairs=20, pairs_per_shard=30)
    assert {key: many[key] for key in few} == few
    rows = [longer.keys.index(key) for key in table.keys]
    assert [longer.rewrites[0][row] for row in rows] == table.rewrites[0]


@pytest.mark.parametrize(
    "changes", [{"noise": Noise()}, {"rewrites": 3}, {"rewrites": 1, "rewrite_noise": NOISE}]
)
def test_images_do_not_depend_on_captions(tmp_path, changes):
    one, _ = draw(tmp_path / "one")
    other, _ = draw(tmp_path / "other", **changes)
    assert get_facts(one) == get_facts(other)
    assert [parts["png"] for parts in one.values()] == [parts["png"] for parts in other.values()]


def test_captions_do_not_depend_on_rewrites(tmp_path):
    tables = [
        draw(tmp_path / "none")[1],
        draw(tmp_path / "one", rewrites=1)[1],
        draw(tmp_path / "four", rewrites=4)[1],
        draw(tmp_path / "noisy", rewrites=1, rewrite_noise=NOISE)[1],
    ]
    assert all(table.captions == tables[0].captions for table in tables)
    assert tables[2].rewrites[:1] == tables[1].rewrites != tables[3].rewrites


def test_pairs_that_need_other_shards_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="19 pairs fill 3 shards; got 2 paths"):
        draw_corpus(CorpusSettings(**SETTINGS), [tmp_path / "0.tar", tmp_path / "1.tar"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_settings_from_plain_values():
    values = {"name": "glyphs", "kind": "glyphs", "pairs": 14, "validation_pairs": 5, "seed": 2}
    values |= {"pairs_per_shard": 8, "rewrites": 4, "noise": {"missing": 0.3, "wrong": 0.2}}
    expected = CorpusSettings(14, 5, 8, seed=2, noise=NOISE, rewrites=4, rewrite_noise=Noise())
    assert parse_settings(values) == expected


@pytest.mark.parametrize("values", [{"missing": -0.1}, {"wrong": 1.1}, {"missing": float("nan")}])
def test_noise_that_is_no_probability_is_an_error(values):
    with pytest.raises(ValueError, match="expected probabilities"):
        Noise(**values)


# --- Captions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing, wrong", [(0.3, 0.2), (0.0, 0.5), (0.5, 0.0), (0.0, 0.0)])
def test_captions_have_the_noise_asked_for_and_it_is_recorded(missing, wrong):
    n = 1500
    settings = CorpusSettings(n, 0, n, noise=Noise(missing, wrong))
    counts, mistaken = Counter(), {name: set() for name in ATTRIBUTES}
    for index in range(n):
        scene = draw_scene(0, "train", index)
        caption, amiss, _ = caption_scene(scene, settings, "train", index)
        for name in ATTRIBUTES:
            said, truth = name_said(caption, name), getattr(scene, name)
            expected = "missing" if not said else None if said == [truth] else "wrong"
            assert amiss.get(name) == expected
            assert len(said) < 2
            counts[name, expected] += 1
            mistaken[name] |= set(said) - {truth}
        assert ("symbol" in caption.split()) == (amiss.get("glyph") == "missing")
    for name, values in ATTRIBUTES.items():
        for what, rate in (("missing", missing), ("wrong", (1 - missing) * wrong)):
            low, high = binom.interval(1 - 1e-6, n, rate)
            assert low <= counts[name, what] <= high
        assert mistaken[name] == (set(values) if wrong else set())


def test_rewrites_without_noise_tell_the_truth_in_several_ways():
    n = len(REWRITE_TEMPLATES)
    settings = CorpusSettings(1, 0, 1, noise=Noise(1, 1), rewrites=n)
    for index in range(100):
        scene = draw_scene(0, "validation", index)
        caption, _, rewrites = caption_scene(scene, settings, "validation", index)
        assert not any(name_said(caption, name) for name in ATTRIBUTES)
        assert len(set(rewrites)) == n
        for rewrite in rewrites:
            said = [name_said(rewrite, name) for name in ATTRIBUTES]
            assert said == [[scene.colour], [scene.glyph], [scene.background]]


def test_rewrites_have_noise_of_their_own():
    settings = CorpusSettings(1, 0, 1, rewrites=4, rewrite_noise=Noise(missing=1))
    caption, amiss, rewrites = caption_scene(draw_scene(0, "train", 0), settings, "train", 0)
    assert amiss == {}
    assert all(name_said(caption, name) for name in ATTRIBUTES)
    assert all(rewrite.endswith("symbol") for rewrite in rewrites)


def test_rewrites_err_where_the_caption_does_not():
    settings = CorpusSettings(1, 0, 1, noise=Noise(0.5), rewrites=2, rewrite_noise=Noise(0.5))
    same = Counter()
    for index in range(400):
        scene = draw_scene(0, "train", index)
        caption, _, rewrites = caption_scene(scene, settings, "train", index)
        said = [[name_said(text, name) for name in ATTRIBUTES] for text in (caption, *rewrites)]
        same["caption"] += said[0] == said[1]
        same["rewrite"] += said[2] == said[1]
    low, high = binom.interval(1 - 1e-6, 400, 1 / 8)  # three attributes, each there or not
    assert low <= min(same.values()) <= max(same.values()) <= high


def test_tfidf_keeps_every_attribute():
    values = [value for values in ATTRIBUTES.values() for value in values]
    vectors = vectorise([normalise(value) for value in values] * 2)[: len(values)]
    assert (vectors @ vectors.T).toarray() == pytest.approx(np.eye(len(values)))


@pytest.mark.parametrize("attribute", list(ATTRIBUTES))
def test_tfidf_tells_scenes_apart_that_differ_in_one_attribute(attribute):
    captions = []
    for value in ATTRIBUTES[attribute]:
        said = {"colour": "red", "glyph": "03", "background": "grey"} | {attribute: value}
        captions.append("a photo of a {colour} {glyph} on a {background} background".format(**said))
    vectors = vectorise([normalise(caption) for caption in captions] * 2)[: len(captions)]
    cosines = (vectors @ vectors.T).toarray()
    np.fill_diagonal(cosines, 0)
    assert cosines.max() < 0.99


# --- Scenes ---------------------------------------------------------------------------------------


def test_scans_are_those_of_scikit_learn():
    images, labels = load_scans()
    np.testing.assert_array_equal(images, load_digits().images / 16)
    np.testing.assert_array_equal(labels, load_digits().target)


def test_digits_of_tests_are_drawn_from_other_scans():
    labels = load_digits().target
    scans = {}
    for role in ("train", "validation", "digits", "glyphs"):
        scenes = [draw_scene(0, role, index) for index in range(2500)]
        digits = [scene for scene in scenes if scene.glyph in DIGITS]
        assert all(int(scene.glyph) == labels[scene.scan] for scene in digits)
        assert all(scene.scan == -1 for scene in scenes if scene.glyph in SHAPES)
        scans[role] = {scene.scan for scene in digits}
    assert scans["train"] & scans["validation"]
    assert scans["digits"] & scans["glyphs"]
    assert not (scans["train"] | scans["validation"]) & (scans["digits"] | scans["glyphs"])
    assert max(scans["train"]) < min(scans["digits"])


def test_roles_and_seeds_have_scenes_of_their_own():
    asked = [(0, "train"), (1, "train"), (0, "validation"), (0, "glyphs"), (0, "digits")]
    scenes = [[draw_scene(*each, index) for index in range(30)] for each in asked]
    positions = {tuple(scene[4:] for scene in some) for some in scenes}
    assert len(positions) == len(asked)


def test_attributes_are_drawn_evenly():
    n = 6000
    scenes = [draw_scene(5, "train", index) for index in range(n)]
    for name, values in ATTRIBUTES.items():
        counts = Counter(getattr(scene, name) for scene in scenes)
        low, high = binom.interval(1 - 1e-6, n, 1 / len(values))
        assert set(counts) == set(values)
        assert low <= min(counts.values()) <= max(counts.values()) <= high


@pytest.mark.parametrize("task", list(TASKS))
def test_every_class_of_every_task_can_be_drawn(task):
    classes, template, fixed = TASKS[task]
    assert len(set(classes)) == len(classes)
    assert "{c}" in template
    for index, name in enumerate(classes):
        scene = draw_scene(0, task, index, **fixed(name))
        said = [getattr(scene, attribute) for attribute in fixed(name)]
        assert " ".join(said) == name
        pixels = render(scene, np.random.default_rng(0))
        assert pixels.shape == (32, 32, 3)
        assert pixels.dtype == np.uint8
        inside = pixels[scene.top : scene.top + scene.side, scene.left : scene.left + scene.side]
        near = np.abs(inside.astype(float) - COLOURS[scene.colour]).max(axis=2) < 32
        assert near.mean() > 0.05  # some of the glyph's square is ink


def test_pictures_differ_in_each_attribute():
    pictures = {}
    for name, values in ATTRIBUTES.items():
        for value in values:
            said = {"colour": "red", "glyph": "star", "background": "grey"} | {name: value}
            scan = int(draw_scene(0, "train", 0, glyph=value).scan) if value in DIGITS else -1
            scene = Scene(**said, scan=scan, side=28, left=2, top=2, turn=0.0)
            pictures[tuple(said.values())] = render(scene, np.random.default_rng(1)).astype(float)
    assert len(pictures) == len(GLYPHS) + len(COLOURS) + len(BACKGROUNDS) - 2
    rows = np.array(list(pictures.values())).reshape(len(pictures), -1)
    apart = np.abs(rows[:, None] - rows).mean(axis=2)
    assert apart[~np.eye(len(rows), dtype=bool)].min() > 2


def test_png_keeps_every_pixel():
    pixels = render(draw_scene(0, "train", 7), np.random.default_rng(0))
    assert np.array_equal(Image.open(io.BytesIO(encode_png(pixels))), pixels)
    assert encode_png(pixels) == encode_png(pixels.copy())


# --- Downstream datasets --------------------------------------------------------------------------


def draw_files(folder, task, images, seed=0):
    paths = [folder / name for name in ("0.tar", "classnames.txt", "templates.txt")]
    draw_dataset(DatasetSettings(task, images, seed), *paths)
    return paths


@pytest.mark.parametrize("task, images", [("shapes", 43), ("colours", 16), ("colour_glyphs", 150)])
def test_datasets_are_balanced_and_named(tmp_path, task, images):
    shard, names, templates = draw_files(tmp_path, task, images)
    classes = TASKS[task].classes
    counts = np.bincount(read_labels([shard], len(classes)), minlength=len(classes))
    assert counts.sum() == images
    assert counts.max() - counts.min() <= 1
    prompts = read_prompts(names, templates)
    assert prompts.classes == list(classes)
    assert prompts.texts == [[TASKS[task].template.format(c=name)] for name in classes]


def test_labels_name_the_colour_that_is_seen(tmp_path):
    shard, *_ = draw_files(tmp_path, "colours", 160)
    _, pixels = load_pixels([shard], 32)
    palette = np.array(list(COLOURS.values()), float)
    near = np.abs(pixels[:, None] - palette[:, None, None]).max(axis=4) < 32
    assert np.array_equal(near.sum(axis=(2, 3)).argmax(axis=1), read_labels([shard], 8))


def test_labels_name_the_scan_that_is_drawn(tmp_path):
    shard, *_ = draw_files(tmp_path, "digits", 40, seed=6)
    labels, digits = read_labels([shard], 10), load_digits()
    for index, (_, image) in enumerate(iterate_images([shard])):
        scene = draw_scene(6, "digits", index, glyph=DIGITS[labels[index]])
        assert digits.target[scene.scan] == labels[index]
        scan = Image.fromarray(digits.images[scene.scan].astype(np.float32))
        ink = np.zeros((32, 32))
        square = np.s_[scene.top : scene.top + scene.side, scene.left : scene.left + scene.side]
        ink[square] = scan.resize((scene.side, scene.side))
        away = np.abs(np.asarray(image, float) - COLOURS[scene.colour]).max(axis=2)
        assert np.corrcoef(ink.ravel(), away.ravel())[0, 1] < -0.4


def test_datasets_of_one_seed_are_the_same(tmp_path):
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        draw_files(tmp_path / name, "glyphs", 18, seed)
    one, again, other = (read_bytes(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert one["0.tar"] != other["0.tar"]
    assert one["classnames.txt"] == other["classnames.txt"]


def test_a_longer_dataset_begins_with_the_shorter_one(tmp_path):
    shards = [draw_files(tmp_path / str(images), "shapes", images)[0] for images in (9, 30)]
    short, long = (list(iterate_samples([shard])) for shard in shards)
    assert long[:9] == short


@pytest.mark.parametrize(
    "task, images, message",
    [
        ("letters", 10, "unknown task 'letters'; allowed: digits, shapes"),
        ("digits", 9, "9 images cannot show the 10 classes of digits"),
    ],
)
def test_impossible_datasets_are_an_error(task, images, message):
    with pytest.raises(ValueError, match=message):
        DatasetSettings(task, images, seed=0)
