"""Training on a SLURM whose node dies, or which gives the training's place to an urgent job.

The training goes on from its state, whether SLURM queues the job again (Snakemake waits) or lets it
end (Snakemake submits it again). Nobody does anything.
"""

import pytest

from tests.project import slow_down
from tests.slurm.cluster import crash, list_jobs, run, run_node, wait_until
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


def find_jobs(folder):
    """All submissions of this folder's training; SLURM queues one again under the same number."""
    jobs = [job for job in list_jobs() if job["WorkDir"] == str(folder)]
    return [job for job in jobs if is_pretraining_clip(job)]


def check(folder, local):
    """It went on from its state, and nothing tells the results from those of `local`."""
    assert "going on after epoch " in (folder / LOG).read_text()
    names, different = find_different(local, folder / RESULTS)
    assert {".safetensors", ".json"} <= {name.suffix for name in names}
    assert different == []


def test_training_goes_on_when_its_node_dies(training, local):
    folder, snakemake = training
    (job,) = find_jobs(folder)
    crash(job["NodeList"])
    (folder / "slow").unlink()

    def is_queued():
        return find_jobs(folder)[-1]["JobState"] == "PENDING"

    wait_until(is_queued, "the job is queued again", seconds=150)
    with run_node(job["NodeList"]):
        finish(snakemake, folder)
    (after,) = find_jobs(folder)
    assert (after["JobId"], after["Restarts"]) == (job["JobId"], "1")
    assert "Trying to restart" not in (folder / "run.log").read_text()
    check(folder, local)


def preempt(job):
    """Have an urgent job take the node of this one."""
    urgent = ["--partition=urgent", "--exclusive", "--nodelist", job["NodeList"]]
    run("sbatch", *urgent, "--comment=urgent", "--output=/dev/null", "--wrap", "sleep 5")


def test_training_goes_on_when_preempted_with_a_grace_time(training, local):
    """Told to (SIGTERM), it saves its state and ends: failed for SLURM; Snakemake tries again."""
    folder, snakemake = training
    (job,) = find_jobs(folder)
    preempt(job)
    wait_until(lambda: "told to stop" in (folder / LOG).read_text(), "it was told to stop")
    (folder / "slow").unlink()
    finish(snakemake, folder)
    first, second = find_jobs(folder)
    assert (first["JobId"], first["JobState"]) == (job["JobId"], "FAILED")
    assert first["PreemptTime"] > first["StartTime"]
    assert second["JobState"] == "COMPLETED"
    check(folder, local)


def test_training_goes_on_when_preempted_at_once(training, local):
    """SLURM, without a grace time, ends it and queues it again: Snakemake only waits longer."""
    folder, snakemake = training
    (job,) = find_jobs(folder)
    run("scontrol", "update", f"PartitionName={job['Partition']}", "GraceTime=0")
    preempt(job)
    wait_until(lambda: find_jobs(folder)[-1]["Restarts"] == "1", "the job is queued again")
    (folder / "slow").unlink()
    finish(snakemake, folder)
    (after,) = find_jobs(folder)
    assert (after["JobId"], after["JobState"]) == (job["JobId"], "COMPLETED")
    assert "Trying to restart" not in (folder / "run.log").read_text()
    check(folder, local)
