"""Real captions and images, for tests that can use them: in the folder that TEST_DATA names."""

import os
from pathlib import Path

import pytest

from tests.project import ROOT

FOLDER = Path(os.environ.get("TEST_DATA", ROOT.parent / "shared/data"))
CAPTIONS = FOLDER / "cc3m_validation.tsv"  # CC3M's validation split, as published: caption, URL
IMAGES = FOLDER / "cifar10_test_2000.tar"  # of CIFAR-10's test split, a folder a class


def read_captions():
    """The captions of `CAPTIONS`; a test is skipped where they are not."""
    require(CAPTIONS)
    return [line.split("\t")[0] for line in CAPTIONS.read_text("utf-8").rstrip("\n").split("\n")]


def require(path):
    """Skip a test, saying why, where a file is not there."""
    if not path.exists():
        pytest.skip(f"needs {path.name} in the folder that TEST_DATA names")
