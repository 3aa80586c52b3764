"""Studies on image files that a table lists, and on shards that are there already."""

import csv
import io
import os

import numpy as np
import pytest
import yaml
from PIL import Image

from lib.corpus import Sample, encode_json, read_captions, write_shard
from lib.frames import read_frame
from lib.ledger import read_ledger
from lib.lists import get_key
from tests.project import copy_project, snakemake

ROWS, BROKEN, UNNAMED = 130, 7, 11  # a row whose image is broken, and one that no key names
PAIRS, VALIDATION = 100, 20
COLOURS = ("red", "green", "blue", "white", "black")
THINGS = ("cat", "dog", "house", "tree", "boat", "bird", "car")
CAPTIONS = [
    f"a {COLOURS[n % 5]} {THINGS[n % 7]} beside a {THINGS[n // 7 % 7]}, {n}" for n in range(ROWS)
]
TAKEN = [n for n in range(ROWS) if n not in (BROKEN, UNNAMED)][: PAIRS + VALIDATION]


def draw(number):
    """A plain JPEG of its own colour; one is cut off."""
    stream = io.BytesIO()
    Image.new("RGB", (48, 36), (number, 255 - number, 90)).save(stream, "JPEG")
    content = stream.getvalue()
    return content[: len(content) // 2] if number == BROKEN else content


def write_study(folder, name, corpus, key_of):
    """A small study on a corpus, with keys and rewrites beside it."""
    (folder / "lists").mkdir(exist_ok=True)
    keys = [key_of(n) for n in range(ROWS) if n != UNNAMED]
    (folder / f"lists/{name}_keys.txt").write_text("\n".join(keys))
    rewrites = [f"there is {caption} in the picture\n" for caption in CAPTIONS]
    rewrites[3] = "cat\n"
    (folder / f"lists/{name}_rewrites.txt").write_text("".join(rewrites))
    (folder / f"lists/{name}_captions.txt").write_text("\n".join(CAPTIONS))
    config = yaml.safe_load((folder / "config/tiny.yaml").read_text())
    config |= {"results": f"results/{name}", "data": f"results/{name}/data"}
    config["corpus"] = corpus | {
        "name": name,
        "kind": name,
        "pairs": PAIRS,
        "validation_pairs": VALIDATION,
        "min_success": 0.9,
        "keys": f"lists/{name}_keys.txt",
        "rewrites": {
            "files": [f"lists/{name}_rewrites.txt"],
            "captions": f"lists/{name}_captions.txt",
        },
    }
    config["models"] = [config["models"][1] | {"corpus": name}]
    config["finetune"] |= {"views": 1}
    (folder / f"config/{name}.yaml").write_text(yaml.safe_dump(config))


def run_study(folder, name):
    """Corpus, pretraining with rewrites, and features of all pairs."""
    features = f"results/{name}/data/features/laclip/{name}/images"
    targets = [f"{features}/{chunk:05d}.npy" for chunk in range(2)]
    snakemake(folder, *targets, config=f"config/{name}.yaml")
    chunks = [np.load(folder / target) for target in targets]
    return folder / f"results/{name}", np.concatenate(chunks, axis=1)


def check_study(results, features, name, key_of):
    corpus = results / f"data/corpora/{name}"
    table = read_captions(corpus / "captions.parquet")
    assert table.keys == [key_of(n) for n in TAKEN]
    assert table.captions == [CAPTIONS[n] for n in TAKEN]
    assert table.splits == ["train"] * PAIRS + ["validation"] * VALIDATION
    expected = [f"there is {CAPTIONS[n]} in the picture" for n in TAKEN]
    assert table.rewrites == [[*expected[:3], CAPTIONS[3], *expected[4:]]]
    assert features.shape[1] == PAIRS + VALIDATION
    with open(corpus / "dropped.csv") as stream:
        assert list(csv.reader(stream)) == [["key", "error"], [key_of(BROKEN), "broken_image"]]
    summary = read_frame(results / "tables/corpus.csv")
    rows = list(zip(summary["status"], summary["error"].fillna(""), summary["rows"], strict=True))
    assert rows == [
        ("success", "", ROWS - 2),
        ("failed", "broken_image", 1),
        ("left_out", "", 1),
    ]
    ledgers = sorted((corpus / "ledgers").glob("*.parquet"))
    assert [row["key"] for path in ledgers for row in read_ledger(path)] == [
        key_of(n) for n in range(ROWS)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("given") / "project")


def test_a_table_of_image_files_is_studied(folder):
    corpus = {
        "table": "lists/pairs.csv",
        "path_column": "file",
        "caption_column": "title",
        "root": "images",
        "rows": ROWS,
        "pairs_per_shard": 80,
        "image_size": 32,
        "max_pixels": 10**6,
    }
    write_study(folder, "table", corpus, get_key)
    planned = snakemake(folder, "-n", config="config/table.yaml").stdout
    assert "To be brought: lists/pairs.csv (the table of image files" in planned
    (folder / "images").mkdir()
    for number in range(ROWS):
        (folder / f"images/{number}.jpg").write_bytes(draw(number))
    with open(folder / "lists/pairs.csv", "w", newline="") as stream:
        rows = [(caption, f"{number}.jpg") for number, caption in enumerate(CAPTIONS)]
        csv.writer(stream).writerows([("title", "file"), *rows])
    results, features = run_study(folder, "table")
    check_study(results, features, "table", get_key)
    ask = ("-n", "results/table/data/corpora/table/captions.parquet")
    assert "gather_shard" not in snakemake(folder, *ask, config="config/table.yaml").stdout
    os.utime(folder / "lists/pairs.csv", (1.6e9, 1.6e9))  # as a file that `mv` put in its place
    assert "gather_shard" in snakemake(folder, *ask, config="config/table.yaml").stdout


def img2dataset_key(number):
    return f"{number // 70:05d}{number % 70:04d}"


def make_samples(numbers):
    """Samples as img2dataset writes them."""
    for number in numbers:
        key = img2dataset_key(number)
        facts = {"caption": CAPTIONS[number], "url": f"http://a/{number}", "key": key}
        facts |= {"status": "success", "error_message": None, "width": 48, "height": 36}
        facts |= {"original_width": 48, "original_height": 36, "exif": "{}", "sha256": "00"}
        parts = {"jpg": draw(number), "json": encode_json(facts)}
        yield Sample(key, parts | {"txt": CAPTIONS[number].encode()})


def test_shards_of_img2dataset_are_studied_where_they_lie(folder):
    write_study(folder, "shards", {"shards": ["web/{00000..00001}.tar"]}, img2dataset_key)
    planned = snakemake(folder, "-n", config="config/shards.yaml").stdout
    assert "To be brought: web/00000.tar, web/00001.tar" in planned
    for shard in range(2):
        numbers = range(70 * shard, min(70 * shard + 70, ROWS))
        write_shard(folder / f"web/{shard:05d}.tar", make_samples(numbers))
        (folder / f"web/{shard:05d}_stats.json").write_text("{}")
        (folder / f"web/{shard:05d}.parquet").write_bytes(b"PAR1")
    before = {path: path.read_bytes() for path in (folder / "web").iterdir()}
    results, features = run_study(folder, "shards")
    check_study(results, features, "shards", img2dataset_key)
    assert {path: path.read_bytes() for path in (folder / "web").iterdir()} == before
    assert not (results / "data/corpora/shards/shards").exists()
