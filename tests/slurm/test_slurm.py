"""The tiny study on a SLURM of two nodes: a training job is cancelled, the results are the same.

The study runs once through `profiles/slurm` and, at the same time, once without SLURM. It asks for
GPUs (`device: auto`) and computes on the CPU, which is all that the nodes have.
"""

import pytest

from tests.slurm.cluster import list_jobs, run, wait_until
from tests.slurm.study import (
    LOCALLY,
    ON_SLURM,
    PROFILE,
    RESULTS,
    find_different,
    finish,
    is_pretraining_clip,
    prepare,
    start,
)
from tests.test_rules import RULES

pytestmark = pytest.mark.slurm
GROUPS = dict(entry.split("=") for entry in PROFILE["groups"])


def cancel_training(folder):
    """Cancel the job that pretrains `clip` while it runs; its number."""

    def find():
        has_begun = (folder / RESULTS / "logs/pretrain_model/clip.log").exists()
        return [job["JobId"] for job in list_jobs() if has_begun and is_pretraining_clip(job)]

    wait_until(find, "pretraining has begun", seconds=300)
    (number,) = find()
    run("scancel", number)
    return number


def get_name(job):
    """The group that a job is of, else its rule."""
    name = job["Comment"].removeprefix("rule_").partition("_wildcards_")[0]
    return next((group for group in GROUPS.values() if name.startswith(f"{group}_")), name)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("local") / "project")


@pytest.fixture(scope="module")
def on_slurm(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("slurm") / "project")


@pytest.fixture(scope="module")
def cancelled(cluster, local, on_slurm):
    """Both studies, run; the number of the job that was cancelled."""
    running = {local: start(local, LOCALLY), on_slurm: start(on_slurm, ON_SLURM)}
    try:
        number = cancel_training(on_slurm)
        for folder, process in running.items():
            finish(process, folder)
    finally:
        for process in running.values():
            process.kill()
    return number


@pytest.fixture(scope="module")
def jobs(cancelled):
    """All jobs that were submitted, by rule or group."""
    found = {}
    for job in list_jobs():
        found.setdefault(get_name(job), []).append(job)
    return found


def test_everything_but_trivial_aggregation_is_submitted(on_slurm, jobs):
    logs = {path.stem for path in (on_slurm / RESULTS / "logs").iterdir()}
    assert len(logs) > 20
    submitted = {rule for rule in logs if "localrule: True" not in RULES[rule]}
    assert jobs.keys() == {GROUPS.get(rule, rule) for rule in submitted}
    assert {"pretrain_model", "finetune_heads", "evaluations", "figures"} <= jobs.keys()


def test_gpu_rules_ask_for_a_gpu_and_others_do_not(jobs):
    asked = {
        name: {(job.get("TresPerJob"), job["Partition"]) for job in each}
        for name, each in jobs.items()
    }
    gpu_rules = {name for name in jobs if name in RULES and "gpu=get_gpus" in RULES[name]}
    assert len(gpu_rules) == 6
    with_gpu, without = {("gres:gpu:1", "gpu")}, {(None, "cpu")}
    assert asked == {name: with_gpu if name in gpu_rules else without for name in jobs}


def test_a_cancelled_training_is_tried_again_with_more(cancelled, jobs):
    first, second = filter(is_pretraining_clip, jobs["pretrain_model"])
    assert (first["JobId"], first["JobState"]) == (cancelled, "CANCELLED")
    assert second["JobState"] == "COMPLETED"
    assert (first["MinMemoryNode"], first["TimeLimit"]) == ("3001M", "02:00:00")
    assert (second["MinMemoryNode"], second["TimeLimit"]) == ("6002M", "04:00:00")
    others = [job for each in jobs.values() for job in each if job["JobId"] != cancelled]
    assert {job["JobState"] for job in others} == {"COMPLETED"}


def test_every_result_is_that_of_a_local_run(cancelled, local, on_slurm):
    """The same bytes of tables, captions, figures, heads, checkpoints and features."""
    names, different = find_different(local / RESULTS, on_slurm / RESULTS)
    assert len(names) > 100
    assert {".csv", ".txt", ".safetensors", ".pt", ".npy", ".parquet"} <= {n.suffix for n in names}
    assert different == []


def test_a_second_run_has_nothing_to_do(cancelled, on_slurm):
    finish(start(on_slurm, ON_SLURM), on_slurm)
    assert "Nothing to be done" in (on_slurm / "run.log").read_text()


def test_without_a_gpu_in_the_config_none_is_asked_for(cancelled, on_slurm):
    """The same training once more, now that its `device` is another."""
    target = f"{RESULTS}/data/models/clip/weights.safetensors"
    finish(start(on_slurm, [*ON_SLURM, "--config", "device=cpu", "--", target]), on_slurm)
    job = [job for job in list_jobs() if is_pretraining_clip(job)][-1]
    assert (job["JobState"], job.get("TresPerJob"), job["Partition"]) == ("COMPLETED", None, "cpu")
