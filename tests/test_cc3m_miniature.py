"""config/cc3m.yaml in miniature: every line of its path, on real bytes, with no network but ours.

A server of this machine plays the web; real captions and images are taken where they are at hand.
"""

import json
import tarfile
from collections import Counter

import numpy as np
import pytest
import yaml
from PIL import Image

from lib.corpus import read_captions
from lib.files import sha256
from lib.frames import read_frame
from lib.ledger import read_ledger
from lib.provenance import read_checkpoint_hash
from lib.tables import read_table
from tests import laclip
from tests.hostile_server import encode, serve
from tests.outputs import find_undescribed
from tests.project import copy_project, snakemake
from tests.real_data import CAPTIONS, IMAGES

CONFIG = "config/miniature.yaml"
RESULTS = "results/miniature"
ROWS, PAIRS, PER_CLASS = 240, 40, 2
MODELS = ("clip", "laclip")


def read_lines():
    """Captions of the web, or captions that are like them."""
    if CAPTIONS.exists():
        return [line.split("\t")[0] for line in CAPTIONS.read_text().splitlines()[:ROWS]]
    things = ("dog", "house", "boat", "lake", "actor", "player", "tree", "street", "dress")
    chosen = [(things[n % 9], things[n // 9 % 9], things[n // 3 % 9]) for n in range(ROWS)]
    return [f"the {a} stands behind a {b} and the {c}" for a, b, c in chosen]


def read_images():
    """JPEG files by class, real ones or drawn ones; 24 for the web and some to be tested on."""
    wanted = ROWS // 10 + 2 * PER_CLASS
    if not IMAGES.exists():
        generator = np.random.default_rng(0)
        pixels = generator.integers(0, 256, (10, wanted, 32, 32, 3), dtype=np.uint8)
        return {
            f"class_{number}": [encode(Image.fromarray(image), "JPEG") for image in images]
            for number, images in enumerate(pixels)
        }
    images = {}
    with tarfile.open(IMAGES) as tar:
        for member in tar:
            folder, _, name = member.name.rpartition("/")
            found = images.setdefault(folder.rpartition("/")[2], [])
            if name.endswith(".jpg") and len(found) < wanted:
                found.append(tar.extractfile(member).read())
    return {name: found for name, found in images.items() if found}


def write_folders(folder, images):
    """The images that are tested on, and those that the best epoch is chosen on."""
    for dataset, first in (("cifar10", 0), ("imagenet", PER_CLASS)):
        for name, files in images.items():
            place = folder / f"datasets/{dataset}/{name}"
            place.mkdir(parents=True)
            for number, content in enumerate(files[first : first + PER_CLASS]):
                (place / f"{number}.jpg").write_bytes(content)


def shrink(config):
    """The published study with fewer of everything, the same otherwise."""
    config |= {"results": RESULTS, "data": f"{RESULTS}/data", "device": "cpu", "seeds": [42, 43]}
    config["corpus"] |= {"urls": "lists/list.tsv", "rows": ROWS, "pairs": PAIRS}
    config["corpus"] |= {"pairs_per_shard": 100}
    config["corpus"]["download"] |= {"image_size": 32, "deadline": 5, "attempts": 1}
    config["corpus"]["download"] |= {"allowed_addresses": ["127.0.0.1/32"]}
    for model in config["models"]:
        model |= {"architecture": "ViT-S-16"}
    config["datasets"] = [
        {"name": name, "kind": "image_folder", "path": f"datasets/{name}"}
        for name in ("cifar10", "imagenet")
    ]
    config["misalignment"] |= {"cs": [0.8]}
    config["finetune"] |= {"views": 2, "epochs": 2, "batch_size": 20, "export": "none"}
    config["finetune"]["sensitivity"] = [{"name": "short", "lr": 0.001, "epochs": 1}]
    config["evaluation"] |= {"batch_size": 20}
    config["pruning"] |= {"draws": 4, "orders": 40, "silhouette_orders": 4}
    config["remedy"] |= {"clean_share": 0.2, "neighbours": 3}
    return config


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A copy of the project in which the miniature has run, and the URLs that were asked for."""
    folder = copy_project(tmp_path_factory.mktemp("miniature") / "project")
    images = read_images()
    assert len(images) == 10
    write_folders(folder, images)
    web = [content for files in images.values() for content in files[2 * PER_CLASS :]]
    config = shrink(yaml.safe_load((folder / "config/cc3m.yaml").read_text()))
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    for seed, model in enumerate(config["models"]):
        laclip.write_checkpoint(folder / model["checkpoint"], laclip.draw_state(seed))
    with serve() as server:
        bodies = {f"{number}.jpg": web[number] for number in range(ROWS)}
        server.bodies |= {name: body for name, body in bodies.items() if name[-5] != "3"}
        (folder / "lists").mkdir()
        rows = [
            f"{caption}\t{server.base}/{number}.jpg\n"
            for number, caption in enumerate(read_lines())
        ]
        (folder / "lists/list.tsv").write_text("".join(rows))
        snakemake(folder, config=CONFIG)
    return folder


def test_the_whole_study_runs_and_has_nothing_left_to_do(study):
    again = snakemake(study, "-n", config=CONFIG)
    assert "Nothing to be done" in again.stdout + again.stderr
    assert (study / RESULTS / "report.html").stat().st_size > 1e6


def test_links_that_are_gone_drop_out_and_the_first_pairs_are_taken(study):
    corpus = study / RESULTS / "data/corpora/cc3m"
    rows = [row for path in sorted((corpus / "ledgers").iterdir()) for row in read_ledger(path)]
    assert [row["row"] for row in rows] == list(range(ROWS))
    gone = {row["row"] for row in rows if row["status"] != "success"}
    assert gone == {number for number in range(ROWS) if number % 10 == 3}
    taken = [row["key"] for row in rows if row["row"] not in gone][:PAIRS]
    table = read_captions(corpus / "captions.parquet")
    assert table.keys == taken
    assert Counter(table.splits) == {"train": PAIRS}
    lines = read_lines()
    assert table.captions == [lines[int(key)] for key in taken]
    summary = read_table(study / RESULTS / "tables/corpus.csv")
    assert {row["error"]: int(row["rows"]) for row in summary} == {"": 216, "http_404": 24}


def test_all_that_the_study_wrote_is_described(study):
    assert find_undescribed(study / RESULTS, study / RESULTS / "data") == []


def test_both_models_have_all_tables(study):
    tables = study / RESULTS / "tables"
    comparison = read_frame(tables / "clip_vs_laclip.csv")
    assert list(comparison["dataset"].unique()) == ["cifar10"]
    assert tuple(comparison["model"]) == MODELS
    assert (comparison["n_images"] == 10 * PER_CLASS).all()
    pruning = read_frame(tables / "pruning.csv")
    assert set(pruning["kept"]) == {200, 250, 300, 350, 400, 450, 500, 512}
    purity = read_frame(tables / "misalignment.csv")
    assert set(purity["strategy"]) == {"pretrained", "none", "similar", "random"}
    random = purity[purity["strategy"] == "pretrained"]
    # the weights are random: no neuron has more in common with another than chance has it
    np.testing.assert_allclose(random["avg_abs_cos_sim"], random["random_baseline"], rtol=0.02)


def test_the_best_epoch_is_chosen_on_the_validation_images(study):
    path = study / RESULTS / "finetune/laclip/similar_Cs80/seed43/log.txt"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(records) == 2
    count = 10 * PER_CLASS
    for record in records:
        hits = record["validation_accuracy"] * count
        assert hits == pytest.approx(round(hits))


def test_provenance_names_both_checkpoints(study):
    manifest = json.loads((study / RESULTS / "provenance.json").read_text())
    assert len(set(manifest["checkpoints"].values())) == 2
    assert all(len(digest) == 64 for digest in manifest["checkpoints"].values())


def test_a_checkpoint_is_known_in_all_that_is_made_of_it(study):
    results = study / RESULTS
    for model in MODELS:
        digest = sha256(study / f"checkpoints/cc3m_{model}.pt")
        for name in (f"data/models/{model}/weights", f"heads/{model}/random_Cs80"):
            assert read_checkpoint_hash(results / f"{name}.safetensors") == digest
        features = results / f"data/features/{model}"
        origin = json.loads((features / "cc3m/texts.json").read_text())
        assert origin["checkpoint"] == digest
        assert digest.encode() in (features / "datasets/cifar10.safetensors").read_bytes()[:9000]


def test_the_preprocessing_is_written_down(study):
    path = study / RESULTS / "data/models/laclip/architecture.json"
    architecture = json.loads(path.read_text())
    assert architecture["quick_gelu"] is True
    assert architecture["preprocess_cfg"]["mean"] == [0.485, 0.456, 0.406]
    assert architecture["preprocess_cfg"]["interpolation"] == "bilinear"
