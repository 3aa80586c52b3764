"""The command `analyze_purity.py`, run as a user runs it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.heads import Head, write_heads
from lib.purity import MEASURES, measure
from workflow.scripts.analyze_purity import COLUMNS, main

SCRIPT = Path(__file__).parents[1] / "workflow" / "scripts" / "analyze_purity.py"


@pytest.fixture
def files(tmp_path):
    """A checkpoint, a less pure one, and a file of heads that holds both."""
    generator = np.random.default_rng(0)
    image = generator.normal(size=(40, 32)).astype(np.float32)
    text = generator.normal(size=(32, 32)).astype(np.float32)
    shared = image + 0.7 * generator.normal(size=(40, 1)).astype(np.float32)
    pure, mixed = Head(image, text, 4.6), Head(shared, text, 4.6)
    for name, head in (("base.pt", pure), ("shuffled:0.3.pt", mixed)):
        state = {
            "visual.proj": torch.from_numpy(head.image_projection),
            "text_projection": torch.from_numpy(head.text_projection),
        }
        torch.save({"epoch": 1, "state_dict": state}, tmp_path / name)
    write_heads(tmp_path / "heads.safetensors", {"pretrained": pure, "0": mixed})
    return tmp_path, pure, mixed


def read_csv(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_whole_command_from_any_directory(files):
    folder, pure, mixed = files
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, str(SCRIPT), "--checkpoints", f"baseline:{folder}/base.pt"]
    command += [f"Cs30:{folder}/shuffled:0.3.pt", "--projection", "both"]
    command += ["--output-csv", "out/purity.csv", "--output-plot", "plot.png"]
    command += ["--output-hist", "hist.pdf"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (elsewhere / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert (elsewhere / "hist.pdf").read_bytes().startswith(b"%PDF")
    lines = done.stdout.splitlines()
    assert len(lines) == 5 and "baseline" in lines[1] and lines[2].endswith("higher")
    rows = read_csv(elsewhere / "out" / "purity.csv")
    assert tuple(rows[0]) == COLUMNS
    keys = [(row["label"], row["projection"]) for row in rows]
    assert keys == [
        ("baseline", "image"),
        ("Cs30", "image"),
        ("baseline", "text"),
        ("Cs30", "text"),
    ]
    weights = [
        pure.image_projection,
        mixed.image_projection,
        pure.text_projection,
        mixed.text_projection,
    ]
    for row, projection in zip(rows, weights, strict=True):
        expected = measure(projection)
        assert [float(row[name]) for name in MEASURES] == pytest.approx(list(expected.values()))
        assert (int(row["width"]), int(row["dim"])) == projection.shape
    first, second = (float(row["avg_abs_cos_sim"]) for row in rows[:2])
    assert float(rows[1]["difference"]) == pytest.approx(second - first)
    assert float(rows[1]["relative_change"]) == pytest.approx(second / first - 1)
    assert 0 < float(rows[1]["difference_low"]) < second - first < float(rows[1]["difference_high"])
    assert rows[0]["difference"] == rows[0]["relative_change"] == ""
    assert float(rows[3]["difference"]) == 0


def test_one_projection_of_heads_without_torch(files, capsys):
    folder, _, mixed = files
    heads = folder / "heads.safetensors"
    arguments = ["--checkpoints", f"Cs0:{heads}#pretrained", f"Cs30:{heads}#0"]
    assert main([*arguments, "--projection", "image", "--output-csv", f"{folder}/a.csv"]) == 0
    rows = read_csv(folder / "a.csv")
    assert [row["projection"] for row in rows] == ["image", "image"]
    expected = measure(mixed.image_projection)["avg_abs_cos_sim"]
    assert float(rows[1]["avg_abs_cos_sim"]) == pytest.approx(expected)
    assert "text" not in capsys.readouterr().out
    code = f"import sys; sys.argv[1:] = {arguments!r}; import runpy; " + (
        f"runpy.run_path({str(SCRIPT)!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_same_projections_same_bytes(files, monkeypatch):
    folder, _, _ = files
    monkeypatch.chdir(folder)
    arguments = ["--checkpoints", "a:base.pt", "b:shuffled:0.3.pt"]
    for form in ("pdf", "svg"):
        names = [f"1.{form}", f"2.{form}"]
        for name in names:
            assert main([*arguments, "--output-plot", name]) == 0
        first, second = ((folder / name).read_bytes() for name in names)
        assert first == second


def test_what_is_not_a_number_is_an_empty_cell(files):
    """Neurons at right angles have no purity: no cosine to divide by."""
    folder, _, _ = files
    head = Head(np.eye(8, 4, dtype=np.float32), np.eye(4, dtype=np.float32), 4.6)
    write_heads(folder / "orthogonal.safetensors", {"pretrained": head})
    heads = f"{folder}/orthogonal.safetensors#pretrained"
    assert (
        main(["--checkpoints", f"a:{heads}", f"b:{heads}", "--output-csv", f"{folder}/a.csv"]) == 0
    )
    cells = {cell for row in read_csv(folder / "a.csv") for cell in row.values()}
    assert "" in cells
    assert not cells & {"nan", "None"}


def test_a_label_may_hold_signs_of_a_formula(files):
    folder, _, _ = files
    arguments = ["--checkpoints", f"$a^:{folder}/base.pt", f"_b$:{folder}/base.pt"]
    plots = ["--output-plot", f"{folder}/p.png", "--output-hist", f"{folder}/h.svg"]
    assert main([*arguments, *plots]) == 0


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["--checkpoints", "base.pt"], "'base.pt' is not of the form LABEL:PATH"),
        (["--checkpoints", ":base.pt"], "LABEL:PATH"),
        (["--checkpoints", "a:base.pt", "a:base.pt"], "label 'a' is given twice"),
        (["--checkpoints", "a:base.pt", "--projection", "audio"], "invalid choice: 'audio'"),
        (["--checkpoints", "a:base.pt", "--output-plot", "a.csv"], "no suffix of a figure"),
        (["--checkpoints", "a:base.pt", "--colour", "red"], "unrecognized arguments"),
        (["--checkpoints", "a:base.pt", "--output-csv", "base.pt"], "both a checkpoint and an"),
        (["--checkpoints", "a:base.pt", "--output-csv", "no/../base.pt"], "both a checkpoint and"),
        (
            ["--checkpoints", "a:base.pt", "--output-plot", "a.png", "--output-hist", "a.png"],
            "a.png is both another output and an output",
        ),
        ([], "required: --checkpoints"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(files, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(files[0])
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    check_one_line(capsys.readouterr(), reason)


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["a:none.pt"], "a: cannot read none.pt: No such file"),
        (["a:."], "a: cannot read .: Is a directory"),
        (["a:heads.safetensors"], "a: heads.safetensors holds several heads: 0, pretrained"),
        (["a:heads.safetensors#7"], "no entry '7'"),
        (["a:base.pt#7"], "checkpoint of one model"),
        (["a:base.pt", "b:malicious.pt"], "b: malicious.pt refused: it asks for"),
        (["a:dead.pt"], "a, image projection: neuron 1 of the projection is zero"),
        (["a:base.pt", "--output-csv", "base.pt/a.csv"], "cannot write base.pt/a.csv"),
    ],
)
def test_a_wrong_file_is_one_line_and_status_1(files, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(files[0])
    torch.save({"visual.proj": Malicious()}, "malicious.pt")
    dead = torch.ones(5, 5)
    dead[:, 1] = 0
    torch.save({"visual.proj": dead, "text_projection": dead}, "dead.pt")
    assert main(["--checkpoints", *arguments]) == 1
    check_one_line(capsys.readouterr(), reason)


class Malicious:
    """Asks for a function when it is unpickled."""

    def __reduce__(self):
        return os.getcwd, ()


def check_one_line(captured, reason):
    assert captured.out == ""
    assert captured.err.startswith("analyze_purity.py: error: ")
    assert captured.err.count("\n") == 1 and captured.err.endswith("\n")
    assert reason in captured.err
