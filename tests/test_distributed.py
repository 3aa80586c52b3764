"""Two processes that train together, against one on the whole batch."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

from lib.distributed import ALONE, Group, _leave, start_processes
from lib.heads import read_heads
from lib.models import build_model
from tests.distributed_training import ARCHITECTURE
from tests.project import ROOT, copy_project, snakemake


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What comes of the same training by one process and by two."""
    found = []
    for count in (1, 2):
        folder = tmp_path_factory.mktemp(f"processes{count}")
        command = [sys.executable, "tests/distributed_training.py", str(count), str(folder)]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, check=True)
        with np.load(folder / "results.npz") as arrays:
            found.append(dict(arrays))
    return found


@pytest.mark.parametrize("kind", ["finetune", "pretraining"])
def test_losses_and_gradients_are_those_of_one_process(results, kind):
    one, two = results
    names = [n for n in one if n.startswith((f"{kind}/loss", f"{kind}/gradient"))]
    assert len(names) > 2
    for name in names:
        scale = np.abs(one[name]).max()
        assert scale > 0
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=1e-6 * max(scale, 1))


@pytest.mark.parametrize("kind", ["finetune", "pretraining"])
def test_weights_after_training_are_those_of_one_process(results, kind):
    one, two = results
    names = [n for n in one if n.startswith(kind) and "gradient" not in n and "loss" not in n]
    assert len(names) >= 2
    for name in names:
        # The bias of attention's keys has no gradient but rounding, which Adam makes steps of.
        tolerance = 1e-3 if name.endswith("in_proj_bias") else 1e-6
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=tolerance)


def test_a_group_of_one_changes_nothing():
    rows = torch.arange(6.0, requires_grad=True)
    model = build_model(ARCHITECTURE, seed=0)
    assert ALONE.part(rows).tolist() == rows.tolist()
    assert ALONE.gather(rows) is rows
    assert ALONE.replicate(ALONE.prepare(model)) is model
    assert (ALONE.any(True), ALONE.any(False)) == (True, False)
    ALONE.dismiss_others()
    assert start_processes(1, "cpu") == (torch.device("cpu"), ALONE)


def test_the_parts_of_a_batch_are_the_batch():
    rows = torch.arange(12)
    parts = [Group(rank, 3).part(rows) for rank in range(3)]
    assert [len(part) for part in parts] == [4, 4, 4]
    assert torch.cat(parts).tolist() == rows.tolist()


def test_only_the_first_process_goes_on():
    Group(0, 2).dismiss_others()
    with pytest.raises(SystemExit) as ended:
        Group(1, 2).dismiss_others()
    assert ended.value.code == 0


def test_batch_statistics_are_shared_on_gpus_only(tiny_architecture):
    model = build_model(tiny_architecture, seed=0)
    names = list(model.state_dict())
    with pytest.raises(
        ValueError, match="batch normalisation is trained by 2 processes on the CPU"
    ):
        Group(0, 2).prepare(model)
    shared = Group(0, 2).prepare(model.to("meta"))  # stands for a GPU
    kinds = {type(module).__name__ for module in shared.modules()}
    assert any("SyncBatchNorm" in kind for kind in kinds)
    assert not any(kind.startswith("BatchNorm") for kind in kinds)
    assert list(shared.state_dict()) == names


def test_a_process_that_fails_does_not_wait_for_the_others(monkeypatch):
    left = []
    monkeypatch.setattr("torch.distributed.destroy_process_group", lambda: left.append("group"))
    _leave()
    assert left == ["group"]
    monkeypatch.setattr("sys.last_value", ValueError("loss is nan"), raising=False)
    _leave()
    assert left == ["group"]


def test_more_processes_than_gpus_are_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="0 GPUs are visible, expected at least 2"):
        start_processes(2, "auto")


@pytest.mark.parametrize(
    ("rule", "job", "target"),
    [
        ("pretrain_model", "clip", "heads/clip/pretrained.safetensors"),
        pytest.param(
            *("finetune_heads", "clip/none_Cs00", "heads/clip/none_Cs00.safetensors"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_study_trains_by_as_many_processes_as_its_config_says(tmp_path, rule, job, target):
    """And another number of them is no reason to train anew."""
    project, target = copy_project(tmp_path / "project"), f"results/tiny/{target}"
    (project / "vit.json").write_text(json.dumps(ARCHITECTURE))
    path = project / "config/tiny.yaml"
    config = yaml.safe_load(path.read_text())
    for model in config["models"]:
        model["architecture"] = "vit.json"
    path.write_text(yaml.safe_dump(config | {"gpus": {"pretrain": 2, "finetune": 2}}))
    snakemake(project, target)
    log = (project / f"results/tiny/logs/{rule}/{job}.log").read_text()
    assert "(100%)" in log
    assert log.count("states are kept in") == 1, "only the first process reports"
    two = read_heads(project / target)

    path.write_text(yaml.safe_dump(config))
    assert "Nothing to be done" in snakemake(project, target).stderr
    snakemake(project, target, "--forcerun", "pretrain_model")
    for label, head in read_heads(project / target).items():
        for one, other in zip(head, two[label], strict=True):
            np.testing.assert_allclose(other, one, rtol=0, atol=1e-4)
