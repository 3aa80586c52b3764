"""What several test modules share."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run beside others, on small arrays

from pathlib import Path

import pytest

import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def tiny_architecture() -> dict:
    """A model small enough to train on pixels in a test."""
    return {
        "embed_dim": 16,
        "vision_cfg": {
            "timm_model_name": "glyph_resnet",
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": 32,
        },
        "text_cfg": {
            "context_length": 8,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 1,
        },
    }


def pytest_collection_modifyitems(items):
    """Whole studies first: beside them, the rest fills the other process."""
    items.sort(key=lambda item: not hasattr(item.module, "copy_project"))
