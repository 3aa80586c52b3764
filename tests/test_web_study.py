"""A study on a downloaded corpus, where a server of this machine plays the web."""

import numpy as np
import pytest
import yaml

from lib.corpus import read_captions
from lib.frames import read_frame
from lib.ledger import read_ledger
from tests.hostile_server import serve
from tests.project import copy_project, snakemake

CONFIG = "config/web.yaml"
ROWS, PAIRS, VALIDATION, PER_SHARD = 240, 160, 30, 60
DOWNLOAD = {
    "user_agent": "test (mailto:nobody@example.org)",
    "image_size": 40,
    "max_pixels": 10**7,
    "max_bytes": 10**6,
    "deadline": 5,
    "attempts": 1,
    "max_redirects": 3,
    "connections": 16,
    "connections_per_host": 16,
    "allowed_addresses": ["127.0.0.1/32"],
}
COLOURS = ("red", "green", "blue", "white", "black")
THINGS = ("cat", "dog", "house", "tree", "boat", "bird", "car")


def list_urls(base):
    """Of every ten URLs one is gone for good, and one fails once."""
    names = ["status?code=404", "recovers", *["numbered"] * 8]
    rows = []
    for n in range(ROWS):
        caption = f"a {COLOURS[n % 5]} {THINGS[n % 7]} beside a {THINGS[n // 7 % 7]}, scene {n}"
        rows.append(f"{caption}\t{base}/{n}/{names[n % 10]}\n")
    return "".join(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("web") / "project")
    config = yaml.safe_load((folder / "config/tiny.yaml").read_text())
    config |= {"results": "results/web", "data": "results/web/data"}
    config["corpus"] = {
        "name": "web",
        "kind": "urls",
        "urls": "lists/web.tsv",
        "rows": ROWS,
        "pairs": PAIRS,
        "validation_pairs": VALIDATION,
        "pairs_per_shard": PER_SHARD,
        "min_success": 0.4,
        "download": DOWNLOAD,
    }
    config["models"] = [config["models"][0] | {"corpus": "web"}]
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    return folder


def test_a_list_to_be_brought_is_named_before_the_first_job(folder):
    planned = snakemake(folder, "-n", config=CONFIG).stdout
    assert "To be brought: lists/web.tsv" in planned
    result = snakemake(folder, check=False, config=CONFIG)
    assert result.returncode == 1
    output = result.stdout + result.stderr
    assert "These files are not there yet: lists/web.tsv (the list of captions" in output
    assert "Traceback" not in output
    assert not (folder / "results/web/data").exists()


def test_a_downloaded_corpus_is_studied(folder):
    """Download, captions, pretraining, features, swaps and fine-tuning; then the second round."""
    targets = ["results/web/heads/clip/similar_Cs30.safetensors", "results/web/tables/captions.csv"]
    with serve() as server:
        (folder / "lists").mkdir()
        (folder / "lists/web.tsv").write_text(list_urls(server.base))
        snakemake(folder, *targets, config=CONFIG)
        corpus = folder / "results/web/data/corpora/web"
        ledgers = [read_ledger(path) for path in sorted((corpus / "ledgers").glob("*.parquet"))]
        rows = [row for ledger in ledgers for row in ledger]
        assert [len(ledger) for ledger in ledgers] == [60, 60, 60, 60]
        assert [int(row["key"]) for row in rows] == list(range(ROWS))
        summary = read_frame(folder / "results/web/tables/corpus.csv")
        counts = dict(zip(summary["error"].fillna("success"), summary["rows"], strict=True))
        assert counts == {"success": 192, "http_404": 24, "http_500": 24}
        table = read_captions(corpus / "captions.parquet")
        available = [row["key"] for row in rows if row["status"] == "success"]
        assert table.keys == available[: PAIRS + VALIDATION]
        assert table.splits == ["train"] * PAIRS + ["validation"] * VALIDATION
        features = folder / "results/web/data/features/clip/web/images"
        chunks = [np.load(path) for path in sorted(features.glob("*.npy"))]
        expected = np.bincount(table.shards)  # one shard a chunk
        assert [chunk.shape[1] for chunk in chunks] == expected.tolist()
        assert sum(expected) == PAIRS + VALIDATION

        before = server.asked.copy()
        target = "results/web/tables/corpus.csv"
        snakemake(folder, target, "--forcerun", "download_shard", config=CONFIG)
        asked_again = {path.rpartition("/")[2] for path in server.asked - before}
        assert asked_again == {"recovers"}
        summary = read_frame(folder / target)
        counts = dict(zip(summary["error"].fillna("success"), summary["rows"], strict=True))
        assert counts == {"success": 216, "http_404": 24}


def test_too_few_successes_stop_the_study(folder):
    text = (folder / CONFIG).read_text()
    (folder / CONFIG).write_text(text.replace("min_success: 0.4", "min_success: 0.95"))
    result = snakemake(folder, "results/web/tables/corpus.csv", check=False, config=CONFIG)
    assert result.returncode == 1
    output = " ".join((result.stdout + result.stderr).split())
    assert "90.0% of the rows gave an image; expected are at least 95.0%" in output
    assert "http_404 10.0% (24)" in output
