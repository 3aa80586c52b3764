"""Jobs of the workflow that are told to end: the next run goes on, to the same bytes."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
import yaml

from tests.project import copy_project, slow_down, snakemake
from tests.slurm.cluster import wait_until

CONFIG = "config/tiny.yaml"
RESULTS = "results/tiny"
HEADS = f"{RESULTS}/heads/clip/none_Cs00.safetensors"
CHECKPOINT = f"{RESULTS}/finetune/clip/none_Cs00/seed0/checkpoint.pt"
# The rules whose jobs are told to end, and the name of the job.
STOPPED = {"pretrain_model": "clip", "finetune_heads": "clip/none_Cs00"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project that trains slowly enough to be caught while a file `slow` is there."""
    folder = copy_project(tmp_path_factory.mktemp("preemption") / "project")
    config = yaml.safe_load((folder / CONFIG).read_text())
    config["models"][0]["pretrain"]["epochs"] = 3
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    slow_down(folder)
    return folder


def terminate_job(folder, rule):
    """Run until a rule's job trains, and send SIGTERM to its process alone; what was printed."""
    log = folder / f"{RESULTS}/logs/{rule}/{STOPPED[rule]}.log"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", HEADS, "--configfile", CONFIG]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with open(folder / "run.log", "w") as stream:
        running = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=stream, stderr=stream
        )
    try:
        wait_until(
            lambda: log.exists() and "SIGTERM ends training" in log.read_text(), "it trains", 600
        )
        (script,) = (
            each
            for each in psutil.Process(running.pid).children(recursive=True)
            if each.cmdline()[-1].endswith(f".{rule}.py") and "-c" not in each.cmdline()
        )
        script.send_signal(signal.SIGTERM)
        assert running.wait(600) == 1
    finally:
        running.terminate()
    assert "told to stop: ends after epoch " in log.read_text()
    return (folder / "run.log").read_text()


@pytest.mark.slow
def test_jobs_that_are_told_to_end_go_on_in_the_next_run(project):
    for rule, job in STOPPED.items():
        assert f"Error in rule {rule}" in terminate_job(project, rule)
        assert list((project / f"{RESULTS}/data/states/{rule}/{job}").glob("*.pt"))
    assert not (project / HEADS).exists()
    (project / "slow").unlink()
    snakemake(project, HEADS, CHECKPOINT)
    for rule, job in STOPPED.items():
        log = (project / f"{RESULTS}/logs/{rule}/{job}.log").read_text()
        assert "going on after epoch " in log

    whole = "results/whole"
    others = ["--config", f"results={whole}", f"data={whole}/data"]
    snakemake(project, *(path.replace(RESULTS, whole) for path in (HEADS, CHECKPOINT)), *others)
    first, second = project / whole, project / RESULTS
    names = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    names = [name for name in names if name.parts[0] not in ("logs", "benchmarks")]
    assert {".safetensors", ".json", ".pt", ".npy", ""} <= {name.suffix for name in names}
    assert not list(second.glob("data/states/**/*.pt"))
    different = [n for n in names if (first / n).read_bytes() != (second / n).read_bytes()]
    assert different == []
