"""Two short trainings that tests stop; `KIND FOLDER COUNT` runs one slowly, in COUNT processes."""

import sys
import time
from pathlib import Path

import numpy as np
import torch

import lib.resume
from lib.distributed import start_processes
from lib.finetune import FeaturePairs, Recipe, finetune
from lib.heads import Head
from lib.progress import Progress
from lib.resume import StateFile, StateFolder, hold_states

STEPS = 12  # of either


def run_finetune(states: StateFolder) -> list[np.ndarray]:
    """Three epochs of four steps: the heads of all epochs, and the history."""
    generator = np.random.default_rng(3)
    images, texts = generator.normal(size=(2, 64, 8)).astype(np.float32)
    pairs = FeaturePairs([images[None]], np.arange(64), texts, np.arange(64))
    head = Head(*generator.normal(size=(2, 8, 4)).astype(np.float32), 2.0)
    recipe = Recipe(epochs=3, batch_size=16, lr=0.1)

    def score(tuned: Head) -> float:
        return float(np.abs(tuned.image_projection).sum())

    state = StateFile(states, "main_seed0", "")
    result = finetune(head, pairs, score, recipe, 0, "cpu", state, states.group)
    values = [list(record.values()) for record in result.history]
    heads = [array for head in result.epoch_heads for array in head]
    return [*heads, np.array(values)]


def run_pretraining(states: StateFolder) -> list[np.ndarray]:
    """Three epochs of four steps, with batch norm: the weights, and the history."""
    from lib.architectures import read_architecture  # these take seconds to import
    from lib.pretrain import PixelPairs, PretrainSettings, pretrain

    architecture = read_architecture("config/architectures/tiny.json", Path(__file__).parents[1])
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (32, 32, 32, 3), generator=generator, dtype=torch.uint8)
    tokens = torch.randint(1, 40000, (2, 32, 16), generator=generator, dtype=torch.int32)
    train, validation = (
        PixelPairs(pixels[rows], tokens[:, rows]) for rows in (slice(32), slice(8))
    )
    settings = PretrainSettings(3, 8, 2e-3, 1, 0.1, ("raw", "rewrites"), 0)
    model, history = pretrain(
        architecture, train, validation, settings, torch.device("cpu"), states, group=states.group
    )
    values = [list(record.values()) for record in history]
    return [*(weight.numpy() for weight in model.state_dict().values()), np.array(values)]


KINDS = {"finetune": run_finetune, "pretraining": run_pretraining}


def report_step(progress: Progress, amount: int, note: str = "") -> None:
    """In place of a line now and then: one after every step, and time to stop the process."""
    if group.rank == 0:
        print(note, flush=True)
    time.sleep(0.3)


if __name__ == "__main__":
    kind, folder, count = sys.argv[1:]
    torch.set_num_threads(1)
    _, group = start_processes(int(count), "cpu")
    Progress.advance = report_step
    lib.resume.INTERVAL, lib.resume.MAX_SHARE = 0.0, float("inf")  # a state after every step
    KINDS[kind](hold_states(folder, group))
