"""Training that tests compare: `COUNT FOLDER` has COUNT processes do it and save results.npz."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import lib.adamw
from lib.distributed import Group, start_processes
from lib.finetune import FeaturePairs, Recipe, finetune
from lib.heads import Head
from lib.resume import StateFolder

# no batch statistics, as the image tower of every CLIP that is a vision transformer
ARCHITECTURE = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {
        "context_length": 8,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 1,
    },
}


def run_finetune(group: Group, _: Path) -> dict[str, np.ndarray]:
    """Three epochs of four steps on batches of 16: heads, history, and the first gradients."""
    generator = np.random.default_rng(3)
    images, texts = generator.normal(size=(2, 64, 8)).astype(np.float32)
    pairs = FeaturePairs([images[None]], np.arange(64), texts, np.arange(64))
    head = Head(*generator.normal(size=(2, 8, 4)).astype(np.float32), 2.0)
    recipe = Recipe(epochs=3, batch_size=16, lr=0.01)
    with Gradients() as gradients:
        result = finetune(head, pairs, lambda _: 0.0, recipe, 0, group=group)
    return {
        "image_projection": result.head.image_projection,
        "text_projection": result.head.text_projection,
        "loss": np.array([record["train_loss"] for record in result.history]),
        **gradients.first,
    }


def run_pretraining(group: Group, folder: Path) -> dict[str, np.ndarray]:
    """Two epochs of two steps on batches of 16: weights, history, and the first gradients."""
    from lib.pretrain import PixelPairs, PretrainSettings, pretrain  # these take seconds to import

    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (32, 32, 32, 3), generator=generator, dtype=torch.uint8)
    tokens = torch.randint(1, 40000, (1, 32, 8), generator=generator, dtype=torch.int32)
    train, validation = PixelPairs(pixels, tokens), PixelPairs(pixels[:8], tokens[:, :8])
    settings = PretrainSettings(2, 16, 1e-3, 1, 0.1, ("raw",), 0)
    with Gradients() as gradients:
        model, history = pretrain(
            *(ARCHITECTURE, train, validation, settings, torch.device("cpu")),
            StateFolder(folder, group=group),
            group=group,
        )
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    return {
        "loss": np.array([list(record.values()) for record in history]),
        **weights,
        **gradients.first,
    }


class Gradients:
    """Records the gradients of the first step of training, as the optimiser gets them."""

    def __enter__(self) -> "Gradients":
        self.first: dict[str, np.ndarray] = {}
        self.patch = pytest.MonkeyPatch()
        self._record(torch.optim.AdamW, lambda optimiser: optimiser.param_groups)
        self._record(lib.adamw.AdamW, lambda optimiser: [{"params": optimiser.weights}])
        return self

    def _record(self, kind, list_groups) -> None:
        step = kind.step

        def record(optimiser, *arguments):
            weights = [each for group in list_groups(optimiser) for each in group["params"]]
            for number, weight in enumerate(weights):
                self.first.setdefault(f"gradient {number}", weight.grad.numpy().copy())
            return step(optimiser, *arguments)

        self.patch.setattr(kind, "step", record)

    def __exit__(self, *_: object) -> None:
        self.patch.undo()


KINDS = {"finetune": run_finetune, "pretraining": run_pretraining}

if __name__ == "__main__":
    count, folder = sys.argv[1:]
    torch.set_num_threads(1)
    _, group = start_processes(int(count), "cpu")
    results = {kind: run(group, Path(folder)) for kind, run in KINDS.items()}
    group.dismiss_others()
    np.savez(
        Path(folder, "results.npz"),
        **{f"{kind}/{name}": each for kind in KINDS for name, each in results[kind].items()},
    )
