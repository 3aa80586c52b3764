"""Training on a SLURM whose node dies.

SLURM queues the job again, and it goes on from its state. Snakemake waits; nobody does anything.
"""

import pytest

from tests.project import slow_down
from tests.slurm.cluster import crash, list_jobs, run_node, wait_until
from tests.slurm.study import (
    LOCALLY,
    ON_SLURM,
    RESULTS,
    find_different,
    finish,
    is_pretraining_clip,
    prepare,
    start,
)

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
TARGET = ["--", f"{RESULTS}/data/models/clip/weights.safetensors"]
LOG = f"{RESULTS}/logs/pretrain_model/clip.log"
INTERVAL = "INTERVAL = 60.0"


def prepare_slow(folder):
    """A copy that trains slowly while a file `slow` is there, and saves a state every second."""
    prepare(folder)
    slow_down(folder)
    resume = folder / "lib/resume.py"
    assert INTERVAL in resume.read_text()
    resume.write_text(resume.read_text().replace(INTERVAL, "INTERVAL = 1.0"))
    return folder


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The results of a training that was never interrupted, without SLURM."""
    folder = prepare_slow(tmp_path_factory.mktemp("local") / "project")
    (folder / "slow").unlink()
    finish(start(folder, [*LOCALLY, *TARGET]), folder)
    return folder / RESULTS


@pytest.fixture
def training(cluster, tmp_path):
    """A folder in which Snakemake runs, whose training job has saved a state; and Snakemake."""
    folder = prepare_slow(tmp_path / "project")
    snakemake = start(folder, [*ON_SLURM, *TARGET])
    log = folder / LOG
    try:
        wait_until(
            lambda: log.exists() and "saved the state" in log.read_text(), "it trains", seconds=300
        )
        yield folder, snakemake
    finally:
        snakemake.kill()


def find_job():
    return [job for job in list_jobs() if is_pretraining_clip(job)][-1]


def check(folder, local):
    """It was one job of Snakemake's, it went on from its state, and nothing tells the results."""
    assert "Trying to restart" not in (folder / "run.log").read_text()
    assert "going on after epoch " in (folder / LOG).read_text()
    names, different = find_different(local, folder / RESULTS)
    assert {".safetensors", ".json"} <= {name.suffix for name in names}
    assert different == []


def test_training_goes_on_when_its_node_dies(training, local):
    folder, snakemake = training
    job = find_job()
    crash(job["NodeList"])
    (folder / "slow").unlink()
    wait_until(lambda: find_job()["JobState"] == "PENDING", "the job is queued again", seconds=150)
    with run_node(job["NodeList"]):
        finish(snakemake, folder)
    after = find_job()
    assert (after["JobId"], after["Restarts"]) == (job["JobId"], "1")
    check(folder, local)
