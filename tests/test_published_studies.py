"""The configurations of published studies: what a dry run lists, and what runs without data."""

import pytest
import torch

from lib.tables import read_table
from tests.project import copy_project, snakemake

CC3M = ["lists/Train_GCC-training.tsv", "checkpoints/cc3m_clip.pt", "checkpoints/cc3m_laclip.pt"]
CC3M += ["datasets/ILSVRC2012_img_val.tar", "datasets/ILSVRC2012_devkit_t12.tar.gz"]
CORPORA = ("cc12m", "redcaps", "laion400m")
TO_BRING = {
    "cc3m": CC3M,
    "cc3m-full": CC3M,
    "laclip-table": [f"checkpoints/{c}_{m}.pt" for c in CORPORA for m in ("clip", "laclip")],
    "albef-blip": ["checkpoints/ALBEF.pth", "checkpoints/model_base.pth"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("published") / "project")


@pytest.mark.parametrize("name", TO_BRING)
def test_a_dry_run_lists_what_is_to_be_brought(folder, name):
    planned = snakemake(folder, "-n", config=f"config/{name}.yaml").stdout
    message = next(line for line in planned.splitlines() if "To be brought" in line)
    assert [path for path in TO_BRING[name] if path not in message] == []


def test_a_real_run_says_so_before_its_first_job(folder):
    result = snakemake(folder, check=False, config="config/cc3m.yaml")
    output = result.stdout + result.stderr
    assert result.returncode == 1
    assert "These files are not there yet: lists/Train_GCC-training.tsv (the list" in output
    assert not (folder / "results/cc3m/data").exists()


def test_two_projections_are_compared_and_nothing_else_is_needed(folder):
    generator = torch.Generator().manual_seed(0)
    (folder / "checkpoints").mkdir()
    for name, shared in (("ALBEF.pth", 0.5), ("model_base.pth", 0.0)):
        weights = torch.randn(2, 64, 96, generator=generator)
        weights += shared * torch.randn(96, generator=generator)
        state = {"vision_proj.weight": weights[0], "text_proj.weight": weights[1]}
        torch.save({"model": state}, folder / f"checkpoints/{name}")
    snakemake(folder, config="config/albef-blip.yaml")
    results = folder / "results/albef-blip"
    rows = read_table(results / "purity/models.csv")
    assert [row["label"] for row in rows] == ["albef", "blip"] * 2
    assert {(row["width"], row["dim"]) for row in rows} == {("96", "64")}
    # neurons with a part in common are less pure, and the difference is told
    assert all(float(row["difference_high"]) < 0 for row in rows if row["label"] == "blip")
    assert (results / "report.html").exists()
    again = snakemake(folder, "-n", config="config/albef-blip.yaml")
    assert "Nothing to be done" in again.stdout + again.stderr
