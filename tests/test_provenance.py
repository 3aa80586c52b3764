"""The code hash changes with the meaning of what a script reaches, and with nothing else."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from lib.json_files import write_json
from lib.provenance import (
    PACKAGES,
    code_hash,
    explain_changes,
    merge_versions,
    read_origin,
    versions,
)


@pytest.fixture
def project(tmp_path):
    files = {
        "script.py": '"""Doc."""\nfrom lib.one import f\n\nf(1)\n',
        "lib/__init__.py": "",
        "lib/one.py": (
            '"""One."""\nfrom lib import two\n\n\ndef f(x):\n    """Doc."""\n    return two.g(x)\n'
        ),
        "lib/two.py": "def g(x):\n    return x + 1\n",
        "lib/three.py": "def h(x):\n    return x\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def get_hash(project):
    code_hash.cache_clear()
    return code_hash(project / "script.py", project)


def edit(project, name, old, new):
    path = project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "f(1)", "f(2)"),
        ("lib/one.py", "two.g(x)", "two.g(x) * 2"),
        ("lib/two.py", "x + 1", "x + 2"),  # reached through lib/one.py
    ],
)
def test_meaning_changes_the_hash(project, name, old, new):
    before = get_hash(project)
    edit(project, name, old, new)
    assert get_hash(project) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", '"""Doc."""', '"""Another doc."""  # and a comment'),
        ("lib/one.py", '    """Doc."""\n', ""),
        ("lib/two.py", "return x + 1", "return (\n        x + 1\n    )"),
        ("lib/three.py", "return x", "return -x"),  # not reached
    ],
)
def test_nothing_else_changes_the_hash(project, name, old, new):
    before = get_hash(project)
    edit(project, name, old, new)
    assert get_hash(project) == before


def test_versions_name_what_computes():
    found = versions()
    assert found["numpy"][0].isdigit()
    assert {"torch", "snakemake", "open_clip_torch", "python"} <= set(found)
    assert found.keys() == {"python", "platform", *PACKAGES}


def test_versions_of_what_made_the_inputs_are_kept(tmp_path):
    made = {"versions": {"numpy": "1.0", "elsewhere": "2.0"}, "checkpoint": "abc"}
    path = tmp_path / "weights.safetensors"
    save_file({"weight": np.zeros(1)}, path, {"origin": json.dumps(made)})
    assert read_origin(path) == made
    assert merge_versions([read_origin(path)]) == versions() | {"elsewhere": "2.0"}


def test_another_configuration_than_that_of_the_results_is_told(tmp_path):
    models = [{"name": "clip", "pretrain": {"seed": 0}}]
    config = {
        "models": models,
        "seeds": [0, 1],
        "finetune": {"lr": 0.001, "betas": [0.9, 0.98]},
        "device": "cpu",
    }
    manifest = tmp_path / "provenance.json"
    assert explain_changes(manifest, config) is None
    write_json(manifest, {"config": config})
    assert explain_changes(manifest, config) is None
    other = [models[0] | {"pretrain": {"seed": 9}}]
    found = explain_changes(manifest, config | {"models": other})
    assert "configuration: models[0].pretrain.seed (0, now 9). " in found
    changed = {
        "models": models,
        "seeds": [0, 1, 2],
        "finetune": {"lr": 0.1, "betas": [0.9, 0.98]},
        "page": {"neurons": 3},
    }
    found = explain_changes(manifest, changed)
    assert "seeds ([0, 1], now [0, 1, 2]), finetune.lr (0.001, now 0.1)," in found
    assert "device (cpu, now nothing) and 1 more. Snakemake reruns what that changes" in found
