"""The benchmark suite: every row runs in its smallest form, sides agree, and the page is whole."""

import json
import re
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

import benchmarks.suite
from benchmarks import embedded_study, gpu, measuring
from benchmarks.measuring import ROOT, Cost, Side, compare, measure, median_ratio
from benchmarks.original import draw_swaps, evaluate_pruned, make_similarities
from benchmarks.overhead import Clocked, Run, Took
from benchmarks.settings import Settings, draw_captions, read_captions
from benchmarks.suite import MODULES, run_row, write_page
from benchmarks.towers import TINY
from benchmarks.whole_study import make_config
from lib.config import check_config
from lib.neighbours import vectorise


@pytest.mark.parametrize("name", MODULES)
def test_every_row_runs_in_its_smallest_form(name, tmp_path):
    run_row(name, Settings("smoke"), tmp_path)
    content = json.loads((tmp_path / f"{name}.json").read_text())
    assert content["rows"]
    page = write_page(tmp_path)
    for row in content["rows"]:
        assert row["what"] in page
        assert row["target"] in page
    differences = [note for row in content["rows"] for note in row["notes"] if "ifference" in note]
    for note in differences:
        assert "nan" not in note


MEMORY_SIDE = """
import json
import numpy as np
import benchmarks.measuring as measuring

def prepare_memory(mebibytes):
    np.ones(2 * mebibytes * 2**17)
    return lambda: float(np.ones(mebibytes * 2**17).sum())

measuring.prepare_memory = prepare_memory
cost = measuring.measure_here(measuring.Side("measuring", "prepare_memory", {"mebibytes": 60}))
print(json.dumps(cost._asdict()))
"""


def test_memory_is_that_of_the_action_and_not_of_what_came_before():
    """Of an action that holds 60 MiB, after twice as much was held and freed before it began.

    In a process of its own: here, the action may be served from memory that earlier tests freed.
    """
    command = [sys.executable, "-c", MEMORY_SIDE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    cost = Cost(**json.loads(done.stdout))
    assert cost.found == 60 * 2**17
    assert 55 < cost.above < 75
    assert cost.peak > cost.above


def test_a_side_in_a_process_of_its_own_costs_and_finds_the_same():
    side = Side("silhouettes", "prepare_ours", {"count": 300, "classes": 10}, repeats=2)
    apart, here = measure(side), measure(side, in_process=True)
    assert apart.found == pytest.approx(here.found, abs=1e-12)
    assert 20 < apart.peak < here.peak + 200
    with pytest.raises(RuntimeError, match="prepare_ours failed"):
        measure(side._replace(arguments={"count": 1, "classes": 10}))


def test_the_first_of_several_runs_is_told_apart(monkeypatch):
    clock = iter([0, 9, 10, 12, 20, 23, 30, 37])  # runs of 9, 2, 3 and 7 seconds
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    module = SimpleNamespace(prepare=lambda: list)
    monkeypatch.setitem(sys.modules, "benchmarks.fake", module)
    cost = measure(Side("fake", "prepare", {}, repeats=3), in_process=True)
    assert (cost.first, cost.seconds, cost.found) == (9, 3, [])


def test_a_single_run_is_the_first_and_counts(monkeypatch):
    monkeypatch.setitem(sys.modules, "benchmarks.fake", SimpleNamespace(prepare=lambda: list))
    cost = measure(Side("fake", "prepare", {}), in_process=True)
    assert cost.first == cost.seconds


def test_sides_take_turns_and_ratios_are_of_rounds(monkeypatch, tmp_path):
    turns = []
    seconds = iter([1, 4, 10, 20, 3, 9])

    def fake(side, in_process):
        turns.append(side.function)
        return Cost(next(seconds), 0, 0, None, 0)

    monkeypatch.setattr("benchmarks.measuring.measure", fake)
    sides = {name: Side("any", name, {}) for name in ("fast", "slow")}
    absent = Side("any", "absent", {}, python=tmp_path / "python")
    costs = compare(sides | {"absent": absent}, 3)
    assert turns == ["fast", "slow"] * 3
    assert "absent" not in costs
    assert median_ratio(costs["slow"], costs["fast"]) == 3


def test_rows_measured_before_stay_on_the_page(tmp_path):
    run_row("silhouettes", Settings("smoke"), tmp_path)
    before = write_page(tmp_path)
    run_row("pruning", Settings("smoke"), tmp_path)
    after = write_page(tmp_path)
    line = next(line for line in before.splitlines() if "cosine silhouette" in line)
    assert line in after
    assert "accuracy at every k" in after
    assert "accuracy at every k" not in before


def test_the_originals_swap_is_what_is_described():
    captions = draw_captions(300)
    similarities = make_similarities(vectorise(captions))
    expected = cosine_similarity(vectorise(captions))
    np.fill_diagonal(expected, -1)
    assert similarities == pytest.approx(expected)
    pairs = draw_swaps(similarities, 0.5, 0)
    assert len(pairs) == 75
    assert len(set(pairs.ravel().tolist())) == 150
    used = np.zeros(300, dtype=bool)
    for row, partner in pairs:
        used[row] = True
        better = (similarities[row] > similarities[row, partner]) & ~used
        assert better.sum() < 10
        used[partner] = True


def test_the_originals_pruning_masks_and_scores_afresh():
    generator = np.random.default_rng(0)
    classes = generator.normal(size=(3, 6))
    labels = np.arange(60) % 3
    rows = classes[labels] + 0.1 * generator.normal(size=(60, 6))
    accuracy, silhouette = evaluate_pruned(rows, labels, classes, np.arange(6))
    assert accuracy > 0.9
    worse, lower = evaluate_pruned(rows, labels, classes, np.array([0]))
    assert worse < accuracy
    assert lower < silhouette


def test_captions_are_those_of_the_list_first(tmp_path):
    path = tmp_path / "list.tsv"
    path.write_text("a red cat\thttp://a\nthe old house\thttp://b\n")
    assert read_captions(str(path), 3)[:2] == ["a red cat", "the old house"]
    drawn = read_captions(None, 50)
    assert drawn == draw_captions(50)
    assert all(3 < len(caption.split()) < 16 for caption in drawn)


def test_modules_of_rows_are_those_of_the_folder():
    others = {"settings", "measuring", "original", "towers", "suite", "web", "verdicts"}
    others |= {"differences", "download", "download_shards", "precision", "scaling", "gpu_pruning"}
    others |= {"scaling_probes", "overhead", "simulation_regimes", "clip_benchmark_scores"}
    folder = benchmarks.suite.ROOT / "benchmarks"
    assert {path.stem for path in folder.glob("*.py")} - others == set(MODULES)


def test_the_configuration_of_the_whole_study_is_valid():
    check_config(make_config("ViT-B-32", 500), ROOT / "workflow/schemas/config.schema.yaml", ROOT)


def test_the_overhead_of_the_embedded_study_is_all_that_is_no_work(monkeypatch, tmp_path):
    took = {"train": Took(2, 10.0, 60.0), "plot": Took(3, 5.0, 15.0)}

    def fake(config, cores, results):
        (tmp_path / results).mkdir(parents=True)
        return Run(took, Clocked(60.0, 100.0), 2.5)

    monkeypatch.setattr("benchmarks.embedded_study.ROOT", tmp_path)
    monkeypatch.setattr("benchmarks.embedded_study.run_study", fake)
    (row,) = embedded_study.measure_rows(Settings("full"))
    assert row.measured == "38% of the cores' time is no work; planned in 2.5 s"
    assert row.holds == "**no**"
    assert not (tmp_path / embedded_study.RESULTS).exists()


def test_sides_of_a_gpu_need_nothing_that_peers_have_not():
    """They are prepared in the peers' environment, too."""
    pins = (ROOT / "benchmarks/peers/clip.txt").read_text()
    assert "psutil" not in pins
    hide = "import sys; sys.modules['psutil'] = None; import benchmarks.gpu, benchmarks.extraction"
    subprocess.run([sys.executable, "-c", hide], cwd=ROOT, check=True)


def test_what_a_gpu_is_asked_for_runs_on_a_cpu(monkeypatch, tmp_path):
    small = {
        "IMAGES": 6,
        "READY": 5,
        "IMAGE_BATCH": 3,
        "PAIRS": 80,
        "PAIR_BATCH": 16,
        "STEPS": 2,
        "HEADS": 2,
    }
    small |= {"EPOCHS": 2, "VALIDATION": 50}
    small |= {"EMBEDDINGS": 200, "MODEL": TINY, "DEVICE": "cpu", "PEERS": tmp_path / "none"}
    for name, value in small.items():
        monkeypatch.setattr(gpu, name, value)
    monkeypatch.setattr(gpu, "measure", partial(measure, in_process=True))
    monkeypatch.setattr(gpu, "_name_gpu", lambda: "CPU")
    extraction, heads, silhouettes = (
        measure_row()
        for measure_row in (gpu.measure_extraction, gpu.measure_heads, gpu.measure_silhouettes)
    )
    differences = [
        float(re.search(r"difference of an? [^:]+: (\S+)\.$", row.notes[1]).group(1))
        for row in (extraction, heads, silhouettes)
    ]
    assert max(differences) < 1e-6
