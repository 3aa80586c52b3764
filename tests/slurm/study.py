"""Running studies on the SLURM of the tests."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.project import ROOT, copy_project

CONFIG = "config/tiny.yaml"
RESULTS = "results/tiny"
PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
# What the profile leaves to the user, and waits that suit nodes of one machine.
ON_SLURM = [
    *("--workflow-profile", "profiles/slurm"),
    *("--slurm-partition-config", "profiles/slurm/partitions.yaml"),
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "1"),
    *("--latency-wait", "5"),
]
LOCALLY = ["--cores", "2"]


def prepare(folder: Path) -> Path:
    """A copy of the project whose tiny study asks for GPUs and trains long enough to be caught.

    Jobs of the same kind are fewer: every submission starts Snakemake anew, which takes longer
    than what it computes. All rules are left.
    """
    copy_project(folder)
    config = yaml.safe_load((folder / CONFIG).read_text())
    config["device"] = "auto"
    config["datasets"] = config["datasets"][:1]
    config["misalignment"]["cs"] = config["misalignment"]["cs"][-1:]
    for model in config["models"]:
        model["pretrain"]["epochs"] = 12
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    return folder


def start(folder: Path, arguments: list[str]) -> subprocess.Popen:
    """Snakemake in a folder, with what it prints in `run.log`."""
    command = [sys.executable, "-m", "snakemake", "--configfile", CONFIG, *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with open(folder / "run.log", "w") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)


def finish(running: subprocess.Popen, folder: Path) -> None:
    """Wait for Snakemake to succeed."""
    assert running.wait(900) == 0, (folder / "run.log").read_text()[-5000:]


def is_pretraining_clip(job: dict[str, str]) -> bool:
    return job["Comment"] == "rule_pretrain_model_wildcards_clip"


def find_different(first: Path, second: Path) -> tuple[list[Path], list[Path]]:
    """The files of a study, and those of them that are not the same bytes in another folder."""
    names = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    others = ("logs", "benchmarks", "report.html", "provenance.json")  # times and paths
    names = [n for n in names if n.parts[0] not in others and n.name != "resources.csv"]
    different = [n for n in names if (first / n).read_bytes() != (second / n).read_bytes()]
    return names, different
