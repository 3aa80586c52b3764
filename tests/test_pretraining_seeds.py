"""Models pretrained with several seeds: intervals of experiment 1 that cover them."""

import pytest
import yaml

from lib.frames import read_frame
from tests.project import copy_project, snakemake

CONFIG = "config/seeds.yaml"
RUNS = {("clip", 0), ("clip", 1), ("clip", 2), ("laclip", 0), ("laclip", 3), ("laclip", 4)}


@pytest.fixture
def project(tmp_path):
    """Experiment 1 of the tiny study, on one dataset, with three pretrainings of each model."""
    folder = copy_project(tmp_path / "project")
    config = yaml.safe_load((folder / "config/tiny.yaml").read_text())
    config = {key: config[key] for key in ("corpus", "models", "datasets", "evaluation", "device")}
    config |= {"results": "results/seeds", "data": "results/seeds/data"}
    config["datasets"] = config["datasets"][:1]
    for model, seeds in zip(config["models"], ([1, 2], [3, 4]), strict=True):
        model["more_seeds"] = seeds
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    return folder


@pytest.mark.slow
def test_verdicts_cover_pretraining_seeds(project):
    snakemake(project, "all", config=CONFIG)
    runs = read_frame(project / "results/seeds/tables/pretraining_seeds.csv")
    assert set(zip(runs["model"], runs["seed"], strict=True)) == RUNS
    assert len(runs) == len(RUNS)
    claims = read_frame(project / "results/seeds/tables/claims.csv")
    row = claims[(claims["claim"] == "accuracy exceeds that of clip")].iloc[0]
    assert row["variation"] == "pretraining seeds and images"
    means = runs.groupby("model")["accuracy"].mean()
    assert row["effect"] == pytest.approx(100 * (means["laclip"] - means["clip"]))
    assert runs["accuracy"].nunique() > 1
