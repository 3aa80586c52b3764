"""Stopped training, by signals too, against the same training that nothing stops."""

import logging
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

import lib.resume
from lib.adamw import AdamW
from lib.resume import StateFile, StateFolder, hold_states, make_fingerprint
from tests.project import ROOT
from tests.stopped_training import KINDS, STEPS, run_finetune


class Counter:
    """Training whose state is a number."""

    def __init__(self):
        self.history, self.losses, self.value = [], [], 0

    def step(self):
        self.value += 1
        self.losses.append(0.0)

    def state_dict(self):
        return {"value": torch.tensor(self.value), "losses": self.losses}

    def load_state_dict(self, content):
        self.value, self.losses = int(content["value"]), content["losses"]


@pytest.fixture(autouse=True)
def one_thread(caplog):
    """As the processes have that are stopped; and logs are read."""
    caplog.set_level(logging.INFO)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What each kind of training yields that nothing stops."""
    return {
        kind: train(StateFolder(tmp_path_factory.mktemp(kind))) for kind, train in KINDS.items()
    }


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def start_training(kind, folder, count=1):
    """A process that trains, or starts several that do; one line is printed after every step."""
    command = [sys.executable, "tests/stopped_training.py", kind, str(folder), str(count)]
    environment = os.environ | {"PYTHONPATH": "."}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --- Stopped and gone on --------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_process_is_followed_by_one_that_ends_the_same(
    tmp_path, whole, caplog, kind, number
):
    process = start_training(kind, tmp_path)
    assert all(process.stdout.readline() for _ in range(5))
    with pytest.raises(TimeoutError, match=f"{tmp_path}/lock was held by another process for 0.1"):
        StateFolder(tmp_path, wait=0.1)
    process.send_signal(number)
    states = StateFolder(tmp_path)  # waits until the process has ended
    rest = process.stdout.read().splitlines()
    assert process.wait(60) == (-9 if number == signal.SIGKILL else 143)
    assert len(rest) < STEPS - 5
    assert_same(KINDS[kind](states), whole[kind])
    assert "going on after epoch " in caplog.text


@pytest.mark.parametrize("told", ["launcher", "launcher killed", "one", "first killed"])
def test_processes_that_train_together_end_together(tmp_path, whole, caplog, told):
    """And what they saved, one process goes on from: to the same head, to rounding."""
    launcher = start_training("finetune", tmp_path, count=2)
    assert all(launcher.stdout.readline() for _ in range(5))
    workers = sorted(
        psutil.Process(launcher.pid).children(), key=lambda worker: int(worker.environ()["RANK"])
    )
    {
        "launcher": launcher.terminate,
        "launcher killed": launcher.kill,
        "one": workers[1].terminate,
        "first killed": workers[0].kill,
    }[told]()
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode != 0, errors
    assert not psutil.wait_procs(workers, timeout=60)[1]
    resumed = run_finetune(StateFolder(tmp_path))
    assert "going on after epoch " in caplog.text
    for one, other in zip(resumed, whole["finetune"], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_a_finetune_that_is_stopped_at_every_step_ends_the_same(tmp_path, whole):
    states = StateFolder(tmp_path)
    states.stop()
    for _ in range(STEPS + 1):  # after each step, and when it is finished
        with pytest.raises(SystemExit) as ended:
            run_finetune(states)
        assert ended.value.code == 143
    states.is_stopping = False
    assert_same(run_finetune(states), whole["finetune"])
    best_image_projection, last = whole["finetune"][3], whole["finetune"][0]
    assert np.abs(best_image_projection - last).max() > 0, "the best is the last: tells nothing"


def test_a_finished_finetune_is_not_trained_again(tmp_path, whole, monkeypatch, caplog):
    states = StateFolder(tmp_path)
    run_finetune(states)
    monkeypatch.setattr(AdamW, "step", lambda *_: pytest.fail("a step more"))
    assert_same(run_finetune(states), whole["finetune"])
    assert "going on after epoch 3, found in" in caplog.text


# --- The lock -------------------------------------------------------------------------------------


def test_a_second_process_waits_and_ends_with_an_error_that_names_the_lock(tmp_path):
    states = StateFolder(tmp_path)
    script = f"from lib.resume import StateFolder; StateFolder({str(tmp_path)!r}, wait=0.2)"
    second = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert second.returncode == 1
    expected = f"{tmp_path}/lock was held by another process for 0.2 seconds: two copies of a job"
    assert expected in second.stderr
    assert states.path == tmp_path


def test_what_a_killed_process_had_half_written_is_removed(tmp_path):
    (tmp_path / ".model.abc.partial.pt").write_bytes(b"half")
    (tmp_path / "model.pt").write_bytes(b"whole")
    states = StateFolder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "model.pt"]
    states.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_file_system_without_locks_is_an_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(OSError, match=r"expected a file system with locks \(flock\): '.*/lock'"):
        StateFolder(tmp_path)


def test_only_a_process_that_asks_for_it_heeds_the_signal(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    assert before == signal.SIG_DFL, "importing has changed it"
    try:
        states = hold_states(tmp_path)
        assert not states.is_stopping
        signal.raise_signal(signal.SIGTERM)
        assert states.is_stopping
    finally:
        signal.signal(signal.SIGTERM, before)


# --- The state ------------------------------------------------------------------------------------


def make_state(folder, fingerprint="this"):
    return StateFile(StateFolder(folder), "model", fingerprint)


def count_saves(monkeypatch, tmp_path, seconds, steps):
    """How often a state is saved in steps that take `seconds` each, where a save takes three."""
    clock = [0.0]
    saves = []

    def save(content, path):
        clock[0] += 3
        saves.append(int(content["training"]["value"]))

    monkeypatch.setattr(lib.resume.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(torch, "save", save)
    state, training = make_state(tmp_path), Counter()
    for _ in range(steps):
        clock[0] += seconds
        training.step()
        state.keep(training)
    return saves


def test_a_state_is_saved_every_minute(monkeypatch, tmp_path):
    monkeypatch.setattr(lib.resume, "MAX_SHARE", 0.5)
    assert count_saves(monkeypatch, tmp_path, seconds=10, steps=20) == [6, 12, 18]


def test_saving_takes_a_small_share_of_the_time(monkeypatch, tmp_path):
    monkeypatch.setattr(lib.resume, "MAX_SHARE", 0.01)  # three seconds in five minutes
    assert count_saves(monkeypatch, tmp_path, seconds=10, steps=70) == [6, 36, 66]


def test_a_state_of_another_training_is_ignored(tmp_path, caplog):
    training = Counter()
    training.step()
    make_state(tmp_path).save(training)
    again, other = Counter(), Counter()
    make_state(tmp_path).load(again)
    assert again.value == 1
    make_state(tmp_path, "that").load(other)
    assert other.value == 0
    assert "model.pt is of other settings, data or code: ignored" in caplog.text


@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
def test_a_damaged_state_is_ignored(tmp_path, caplog, damage):
    make_state(tmp_path).save(Counter())
    path = tmp_path / "model.pt"
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "noise": b"noise"}[damage])
    make_state(tmp_path).load(Counter())
    assert "model.pt cannot be read (" in caplog.text


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_state_is_executed(tmp_path, caplog):
    torch.save(
        {"fingerprint": "this", "training": Trap(tmp_path / "sprung")}, tmp_path / "model.pt"
    )
    with open(tmp_path / "plain.pt", "wb") as stream:
        pickle.dump(Trap(tmp_path / "sprung"), stream, protocol=2)
    states = StateFolder(tmp_path)
    for name in ("model", "plain"):
        StateFile(states, name, "this").load(Counter())
        assert f"{name}.pt cannot be read (UnpicklingError): ignored" in caplog.text
    assert not (tmp_path / "sprung").exists()


def test_fingerprints_tell_settings_and_data_apart():
    data = np.arange(6)
    base = make_fingerprint({"lr": 1, "seed": 2}, [data])
    assert base == make_fingerprint({"seed": 2, "lr": 1}, [data.copy()])
    others = [
        make_fingerprint({"lr": 1, "seed": 3}, [data]),
        make_fingerprint({"lr": 1, "seed": 2}, [data[::-1]]),
        make_fingerprint({"lr": 1, "seed": 2}, [data[:5]]),
        make_fingerprint({"lr": 1, "seed": 2}),
    ]
    assert len({base, *others}) == 5
