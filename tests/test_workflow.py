"""The workflow: a whole tiny study, what reruns after a change, isolation, bad input, kills.

One tiny study is run in a copy of the project; every question about reruns is then a dry run in
that copy, answered by the job statistics that Snakemake prints.
"""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter

import numpy as np
import pytest
import yaml

from lib.frames import read_frame
from tests.browser import open_browser
from tests.event_files import read_events
from tests.outputs import find_undescribed, read_columns
from tests.project import copy_project, find_network_cut, snakemake

CORPUS_FEATURES = {"extract_corpus_images", "extract_corpus_texts"}
TRAINING_AND_FEATURES = {
    "pretrain_model",
    *CORPUS_FEATURES,
    "extract_dataset_features",
    "finetune_heads",
    "finetune_remedies",
}
EXPERIMENT_1_AND_2 = {"tabulate_comparison", "tabulate_pruning", "export_original_tables"}
FIGURES = {
    "plot_accuracy",
    "plot_claims",
    "plot_comparison",
    "plot_detection",
    "plot_embeddings",
    "plot_gallery",
    "plot_histograms",
    "plot_layers",
    "plot_pruning",
    "plot_purity",
    "plot_remedies",
    "plot_sensitivity",
    "plot_training",
}


def dry_run(folder, *arguments, config="config/tiny.yaml"):
    """What a dry run prints: the statistics of the jobs, and the reason of each."""
    result = snakemake(folder, "-n", *arguments, config=config)
    return result.stdout + result.stderr


def plan(folder, *arguments, config="config/tiny.yaml"):
    """Jobs that a dry run plans: rule name to count."""
    return count_jobs(dry_run(folder, *arguments, config=config))


def count_jobs(output):
    """Jobs in what a dry run prints: rule name to count."""
    statistics = re.search(r"^job +count\n-+ +-+\n(.*?)\n\n", output, re.DOTALL | re.MULTILINE)
    if statistics is None:
        assert "Nothing to be done" in output, output
        return {}
    rows = (line.split() for line in statistics[1].splitlines())
    return {name: int(count) for name, count in rows if name not in ("all", "total")}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A copy of the project in which the tiny study has run, with the network cut off."""
    folder = copy_project(tmp_path_factory.mktemp("study") / "project")
    snakemake(folder, within=find_network_cut())
    return folder


@pytest.fixture
def change(study):
    """Edit files of the study for one test: `change(path, old, new)`; put back afterwards."""
    originals = {}

    def edit(name, old, new):
        path = study / name
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        originals.setdefault(path, (text, path.stat()))
        path.write_text(text.replace(old, new, 1))

    yield edit
    for path, (text, status) in originals.items():
        path.write_text(text)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def read_rows(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


# --- The tiny study -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "columns", "rows"),
    [
        (
            "clip_vs_laclip",
            "model,dataset,accuracy,accuracy_low,accuracy_high,silhouette,n_images,n_classes,acc5,"
            "mean_per_class_recall",
            2 * 2,
        ),
        ("pruning", "model,dataset,strategy,kept,draw,accuracy,silhouette", 2 * 2 * (1 + 3 * 6)),
        (
            "misalignment",
            "model,strategy,cs,effective_cs,seed,projection,avg_abs_cos_sim,max_abs_cos_sim,"
            "median_abs_cos_sim,avg_cos_sim,std_cos_sim,per_neuron_purity_mean,"
            "per_neuron_purity_std,random_baseline,random_low,random_high,effective_rank,"
            "participation_ratio,welch_bound",
            2 * 2 * (1 + 2 * 5),
        ),
        (
            "misalignment_accuracy",
            "model,strategy,cs,seed,dataset,accuracy,silhouette,acc5,mean_per_class_recall,"
            "n_classes",
            2 * 2 * (1 + 2 * 5),
        ),
        (
            "training",
            "model,strategy,cs,seed,epoch,projection,avg_abs_cos_sim",
            2 * 2 * (1 + 2 * 2 * 5),
        ),
        ("layers", "model,tower,block,kind,avg_abs_cos_sim", 2 * (2 + 2)),
        (
            "detection",
            "model,strategy,cs,seed,swapped_share,roc_auc,average_precision,calibration_error,"
            "brier_skill",
            2 * 2 * 2 * 2,
        ),
        (
            "remedies",
            "model,strategy,cs,seed,remedy,changed_swapped,changed_aligned,caption_agreement,"
            "projection,avg_abs_cos_sim",
            2 * 2 * 2 * 2 * 2,
        ),
        (
            "remedies_accuracy",
            "model,strategy,cs,seed,remedy,dataset,accuracy,silhouette",
            2 * 2 * 2 * 2 * 2,
        ),
    ],
)
def test_tables_have_their_columns_and_rows(study, name, columns, rows):
    path = study / f"results/tiny/tables/{name}.csv"
    header = path.read_text().splitlines()[0]
    assert header.startswith(columns)
    assert len(read_rows(path)) == rows


def test_pretrained_and_control_have_their_rows(study):
    rows = read_rows(study / "results/tiny/tables/misalignment.csv")
    pretrained = [row for row in rows if row["strategy"] == "pretrained"]
    control = [row for row in rows if row["strategy"] == "none"]
    assert {(row["cs"], row["seed"]) for row in pretrained} == {("", "")}
    assert {(float(row["cs"]), row["seed"]) for row in control} == {(0.0, "0"), (0.0, "1")}


def test_the_originals_files_are_there(study):
    results = study / "results/tiny"
    full = read_rows(results / "clip_full16_results/shapes_full_feature_acc_ss.csv")
    assert list(full[0]) == ["Accuracy", "Silhouette Score"]
    for metric in ("accuracy", "silhouette"):
        rows = read_rows(results / f"result_laclip/colours_laclip_{metric}_vs_sam.csv")
        assert [row["sam"] for row in rows] == ["4", "8", "12"]
        assert list(rows[0]) == [
            "sam",
            "Model",
            "Full Features",
            "Min Sparse Features",
            "Max Sparse Features",
            "Random Features",
        ]
    lines = {}
    for name in ("similarity_simple", "random", "similarity_simple_seed1", "random_seed1"):
        lines[name] = (results / f"captions/glyphs_Cs30_{name}.txt").read_text().splitlines()
        assert len(lines[name]) == 240 + 40
    assert lines["random"] != lines["random_seed1"]
    folder = results / "finetune/clip/similar_Cs30/seed0"
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.pt",
        "checkpoint_best.pt",
        "log.txt",
        "purity.csv",
    ]
    assert len((folder / "log.txt").read_text().splitlines()) == 2


def test_all_that_the_study_wrote_is_described(study):
    results = study / "results/tiny"
    assert find_undescribed(results, results / "data") == []
    described = read_columns()
    for path in (results / "tables").glob("*.csv"):
        assert path.read_text().split("\n")[0].split(",") == described[path.stem], path.name


def test_figures_and_report_are_whole(study):
    figures = study / "results/tiny/figures"
    for path in figures.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert len(list(figures.glob("*.png"))) == 20
    report = (study / "results/tiny/report.html").read_text()
    assert "Do the study's claims hold on this data?" in report
    assert "safe center" in report  # the stylesheet, without which a long first page is cut off
    assert "system-message" not in report  # what docutils writes where it finds a mistake
    assert not (study / "results/report.html").exists()


def test_every_folder_of_the_report_opens(study):
    report = study / "results/tiny/report.html"
    result = re.compile(r"\((figure|table|JSON)\)$")  # how all their labels end
    with open_browser() as browser:
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        trouble = []
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.goto(report.as_uri())
        folders = tab.get_by_role("link").filter(has_text=re.compile(r"^\d \w")).all_inner_texts()
        assert len(folders) == 8
        shown = 0
        for folder in folders:
            tab.reload()
            tab.get_by_role("link").filter(has_text=folder).click()
            cells = tab.locator("td").filter(has_text=result)
            cells.first.wait_for(timeout=10_000)
            shown += cells.count()
        assert trouble == []
    assert shown == report.read_text().count('"job_properties"') > 30


def test_the_page_holds_the_studys_neurons_and_is_opened_from_the_report(study):
    text = (study / "results/tiny/page.html").read_text()
    data = json.loads(re.search(r'<script type="application/json".*?>(.*?)</script>', text)[1])
    assert set(data["models"]) == {"clip", "laclip"}
    assert all(len(model["neurons"]) == 6 for model in data["models"].values())
    assert [source["name"] for source in data["sources"]] == ["shapes", "colours", None]
    captions = (study / "results/tiny/captions/glyphs_Cs30_random.txt").read_text().splitlines()
    assert set(data["sources"][-1]["captions"]) <= {*captions[240:]}  # held-out: never swapped
    assert set(data["heads"]) == set(data["models"]["clip"]["cosines"])
    for source in data["sources"]:
        for head in data["heads"]:
            assert np.shape(source["images"]["laclip"][head]["most"]) == (6, 2)
    assert data["pruning"]["clip"]["shapes"]["kept"] == [4, 8, 12]
    rows = read_rows(study / "results/tiny/tables/misalignment.csv")
    (level,) = (
        float(row["avg_abs_cos_sim"])
        for row in rows
        if (row["model"], row["strategy"], row["projection"]) == ("clip", "pretrained", "text")
    )
    found = data["misalignment"]["clip"]["purity"]["text"]["pretrained"]
    assert found == pytest.approx(level, rel=1e-4)
    assert 'href=\\"page.html\\"' in (study / "results/tiny/report.html").read_text()


def test_provenance_names_versions_config_code_and_inputs(study):
    manifest = json.loads((study / "results/tiny/provenance.json").read_text())
    assert manifest["config"]["seeds"] == [0, 1]
    assert len(manifest["code"]["finetune_heads"]) == 16
    assert set(manifest["tables"]) >= {"results/tiny/tables/pruning.csv"}


def test_what_the_jobs_took_is_tabulated(study):
    """A row a rule that has benchmarks, beside what the rule asks for."""
    *rows, total = read_rows(study / "results/tiny/tables/resources.csv")
    benchmarks = list((study / "results/tiny/benchmarks").rglob("*.tsv"))
    jobs = Counter(path.relative_to(study).with_suffix("").parts[3] for path in benchmarks)
    assert {row["rule"]: int(row["jobs"]) for row in rows} == jobs
    assert int(total["jobs"]) == len(benchmarks) > 40
    asked = {row["rule"]: row["asked_mb"] for row in rows}
    assert (asked["pretrain_model"], asked["evaluate_heads"]) == ("3001", "1000")
    assert {row["gpu_hours"] for row in rows} == {"0.0"}  # the tiny study's device is the CPU
    assert all(float(row["wall_s"]) > 0 for row in rows)


def test_every_job_left_its_log(study):
    metadata = [json.loads(path.read_text()) for path in (study / ".snakemake/metadata").iterdir()]
    logs = {log for record in metadata for log in record["log"]}
    assert len(logs) > 80
    assert all((study / log).is_file() for log in logs)


def test_the_study_needs_no_network(study):
    """It ran where there is no interface but the machine's own, which is down."""
    if not find_network_cut():
        pytest.skip("no network namespace may be made here (`unshare --net`)")
    listing = "import socket; print(*(name for _, name in socket.if_nameindex()))"
    command = [*find_network_cut(), sys.executable, "-c", listing]
    assert subprocess.run(command, capture_output=True, text=True).stdout.split() == ["lo"]
    assert (study / "results/tiny/report.html").is_file()


def test_jobs_use_the_threads_that_they_are_given(tmp_path):
    """PyTorch and the linear algebra of NumPy alike."""
    script = """
        import json, torch, threadpoolctl
        pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        open(snakemake.output[0], "w").write(json.dumps([torch.get_num_threads(), *pools]))
    """
    (tmp_path / "count.py").write_text(textwrap.dedent(script))
    rules = ["rule all:\n    input: '1.json', '2.json'"]
    rules += [
        f"rule use_{n}:\n    output: '{n}.json'\n    threads: {n}\n    script: 'count.py'"
        for n in (1, 2)
    ]
    (tmp_path / "Snakefile").write_text("\n\n".join(rules))
    snakemake(tmp_path, config=None)
    for n in (1, 2):
        found = json.loads((tmp_path / f"{n}.json").read_text())
        assert len(found) > 1
        assert set(found) == {n}


# --- What reruns ----------------------------------------------------------------------------------


def test_nothing_reruns_without_a_change(study):
    assert plan(study) == {}


@pytest.mark.parametrize(
    "name", ["lib/purity.py", "lib/finetune.py", "workflow/scripts/pretrain_model.py"]
)
def test_a_comment_or_a_docstring_reruns_nothing(study, change, name):
    change(name, '"""', '"""Other words. ')
    path = study / name
    path.write_text(path.read_text() + "\n# a comment\n")
    assert plan(study) == {}


def test_a_touch_reruns_nothing(study):
    for part in ("lib", "workflow", "config", "envs"):
        for path in (study / part).rglob("*.*"):
            path.touch()
    assert plan(study) == {}


def test_the_meaning_of_a_script_reruns_its_rule_and_what_follows(study, change):
    change("workflow/scripts/tabulate_captions.py", "start_log(", "print()\nstart_log(")
    assert plan(study) == {"tabulate_captions": 1, "write_provenance": 1, "tabulate_resources": 1}


def test_the_meaning_of_purity_reruns_no_training_and_no_features(study, change):
    change("lib/purity.py", "cosines = np.clip(", "cosines = 1.0 * np.clip(")
    output = dry_run(study)
    reasons = set(re.findall(r"^Reason: (.*?):", output, re.MULTILINE))
    assert reasons == {
        "Params have changed since last execution",
        "Input files updated by another job",
    }
    planned = set(count_jobs(output))
    assert {"measure_purity", "judge_claims", "plot_purity", "plot_sensitivity"} <= planned
    assert not planned & {
        *TRAINING_AND_FEATURES,
        "simulate_features",
        "evaluate_heads",
        "swap_captions",
    }


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("lib/silhouette.py", "_BLOCK = 512", "_BLOCK = 256"),
        ("lib/evaluation.py", "ranks < 5", "ranks < 4"),
        ("lib/checkpoints.py", '"model_state_dict")', '"model_state_dict", "net")'),
        ("lib/layouts.py", "_OPEN_CLIP = ", "_OTHER = None\n_OPEN_CLIP = "),
    ],
)
def test_what_training_does_not_use_reruns_no_training_and_no_features(
    study, change, name, before, after
):
    change(name, before, after)
    planned = plan(study)
    assert planned
    assert not set(planned) & TRAINING_AND_FEATURES


def test_other_exports_rerun_no_training(study, change):
    change("config/tiny.yaml", "export: all", "export: first_seed")
    planned = plan(study)
    assert planned.pop("export_checkpoints") == 2 * 5
    assert set(planned) == {"write_provenance", "tabulate_resources"}


def test_one_more_cs_reruns_its_own_jobs(study, change):
    change("config/tiny.yaml", "cs: [0.3, 0.8]", "cs: [0.3, 0.5, 0.8]")
    planned = plan(study)
    assert planned["swap_captions"] == 2  # strategies
    assert planned["finetune_heads"] == 2 * 2  # models, strategies
    assert planned["export_checkpoints"] == planned["evaluate_heads"] == 2 * 2
    assert not set(planned) & {"pretrain_model", "find_neighbours", *CORPUS_FEATURES}
    assert not set(planned) & EXPERIMENT_1_AND_2


def test_one_more_model_reruns_only_its_own_jobs(study, change):
    entry = """  - name: other
    kind: scratch
    corpus: glyphs
    architecture: config/architectures/tiny.json
    captions: [rewrites]
    seed: 1
    pretrain: *pretrain

datasets:"""
    change("config/tiny.yaml", "\ndatasets:", entry)
    planned = plan(study)
    assert planned["pretrain_model"] == planned["extract_corpus_texts"] == 1
    assert planned["extract_corpus_images"] == 2  # chunks
    assert planned["extract_dataset_features"] == planned["prune_neurons"] == 2
    assert planned["finetune_heads"] == 5
    assert planned["evaluate_heads"] == 6
    assert not set(planned) & {"draw_corpus", "draw_dataset", "find_neighbours", "swap_captions"}


def test_more_pretrainings_are_compared_and_nothing_else(study, change):
    change(
        "config/tiny.yaml", "    captions: [raw]\n", "    captions: [raw]\n    more_seeds: [1, 2]\n"
    )
    planned = plan(study)
    assert (planned["pretrain_model"], planned["tabulate_replicates"]) == (2, 1)
    assert (planned["extract_dataset_features"], planned["evaluate_heads"]) == (2 * 2, 2)
    assert not set(planned) & {"finetune_heads", "prune_neurons", "extract_corpus_images"}


def test_one_more_seed_reruns_no_features_and_no_pretraining(study, change):
    change("config/tiny.yaml", "seeds: [0, 1]", "seeds: [0, 1, 2]")
    planned = plan(study)
    assert planned["swap_captions"] == 2 * 2
    assert planned["finetune_heads"] == 2 * 5
    assert not set(planned) & {
        "pretrain_model",
        *CORPUS_FEATURES,
        "extract_dataset_features",
        "find_neighbours",
        "prune_neurons",
    }


@pytest.mark.parametrize("seeds", ["[0, 1, 2]", "[7, 8]", "[0]"])
def test_other_seeds_rerun_what_a_part_of_the_study_is_made_of(study, change, seeds):
    """Also where nothing is asked for that has a seed in its name."""
    change("config/tiny.yaml", "seeds: [0, 1]", f"seeds: {seeds}")
    planned = plan(study, "results/tiny/tables/misalignment_accuracy.csv")
    assert planned["finetune_heads"] == 2 * 5
    assert planned["evaluate_heads"] >= 2 * 5


def test_one_more_dataset_reruns_its_features_and_evaluations(study, change):
    entry = "  - {name: digits, kind: glyphs, task: digits, images: 80, seed: 1}\n\nmisalignment:"
    change("config/tiny.yaml", "\nmisalignment:", entry)
    planned = plan(study)
    assert planned["draw_dataset"] == 1
    assert planned["extract_dataset_features"] == planned["prune_neurons"] == 2
    assert planned["evaluate_heads"] == 2 * 6
    assert not set(planned) & {"pretrain_model", "finetune_heads", *CORPUS_FEATURES}


def test_the_style_of_a_figure_reruns_that_figure(study, change):
    change("lib/figure_purity.py", "\n@styled", "\nUNUSED = 1\n\n\n@styled")
    assert plan(study) == {"plot_purity": 1}


def test_the_style_of_the_page_reruns_the_page(study, change):
    change("workflow/page/page.css", "max-width: 1280px", "max-width: 1200px")
    assert plan(study) == {"write_page": 1}


def test_cores_profiles_and_resources_rerun_nothing(study, change):
    change("workflow/rules/pretraining.smk", "get_growing(3000, ", "get_growing(4000, ")
    shutil.copytree(study / "profiles/default", study / "profiles/other", dirs_exist_ok=True)
    change("profiles/other/config.yaml", "show-failed-logs: true", "show-failed-logs: false")
    assert plan(study, "--cores", "1", "--workflow-profile", "profiles/other") == {}


# --- Isolation, bad input, kills ------------------------------------------------------------------


def test_another_study_plans_no_job_of_the_default(study):
    _, *rows = snakemake(study, "--summary").stdout.splitlines()
    paths = [row.split("\t")[0] for row in rows]
    assert len(paths) > 200
    assert all(path.startswith("results/tiny/") for path in paths)


def test_the_default_study_plans_all_its_jobs(study):
    planned = plan(study, config=None)
    assert planned["pretrain_model"] == 2
    assert planned["extract_dataset_features"] == 2 * 6
    assert planned["finetune_heads"] == 2 * 9
    assert set(planned) >= FIGURES | {"describe_neurons", "write_page"}


def test_bad_input_is_one_paragraph_before_any_job(study, change):
    change("config/tiny.yaml", "cs: [0.3, 0.8]", "cs: [0.3, 1.8]")
    result = snakemake(study, check=False)
    assert result.returncode == 1
    output = result.stdout + result.stderr
    assert "misalignment.cs[1] is 1.8; allowed: a number below 1." in output
    assert "Traceback" not in output
    assert "Job stats" not in output


def test_a_killed_run_goes_on_and_the_same_seeds_give_the_same_bytes(study):
    """Training, purity and pruning once more, in another folder, killed with -9 while it trains.

    The stale lock is noticed, nothing is half done, and in the end every file is as without a kill.
    """
    targets = [f"results/killed/tables/{name}.csv" for name in ("misalignment", "pruning")]
    targets.append("results/killed/finetune/clip/none_Cs00/seed0/checkpoint.pt")
    first, second = study / "results/tiny", study / "results/killed"
    config = yaml.safe_load((study / "config/tiny.yaml").read_text())
    config |= {"results": "results/killed", "data": "results/killed/data"}
    (study / "config/killed.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    command += [*targets, "--configfile", "config/killed.yaml"]
    log = open(study / "killed.log", "w")  # noqa: SIM115
    running = subprocess.Popen(command, cwd=study, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(second.glob("logs/pretrain_model/*.log")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    log.close()
    assert not list(second.glob("data/models/*/weights.safetensors"))
    stale = snakemake(study, check=False, config="config/killed.yaml")
    assert stale.returncode == 1
    unlock = [sys.executable, "workflow/unlock.py", "--configfile", "config/killed.yaml"]
    told = subprocess.run(unlock, cwd=study, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0
    assert "left its lock behind" in told.stdout
    snakemake(study, *targets, config="config/killed.yaml")
    names = [path.relative_to(second) for path in second.rglob("*") if path.is_file()]
    names = [name for name in names if name.parts[0] not in ("logs", "benchmarks")]  # times
    assert len(names) > 100
    assert {".csv", ".txt", ".safetensors", ".pt", ".npy", ".parquet"} <= {n.suffix for n in names}
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    # two studies in one checkout: neither has made the other's results stale
    assert plan(study) == {}
    assert plan(study, *targets, config="config/killed.yaml") == {}


def test_curves_for_tensorboard_are_written_on_request(study):
    """Last, as they are no part of the study that the tests above compare."""
    assert not (study / "results/tiny/tensorboard").exists()
    snakemake(study, "export_tensorboard")
    _, *events = read_events(
        study / "results/tiny/tensorboard/clip/random_Cs80/seed1/events.out.tfevents.study"
    )
    found = {
        (event.step, each.tag): each.simple_value
        for event in events
        for each in event.summary.value
    }
    folder = study / "results/tiny/finetune/clip/random_Cs80/seed1"
    losses = [json.loads(line) for line in (folder / "log.txt").read_text().splitlines()]
    for values in losses:
        assert found[values["epoch"] + 1, "train_loss"] == pytest.approx(values["train_loss"])
    rows = read_frame(folder / "purity.csv")
    for row in rows.itertuples():
        tag = f"{row.projection}/avg_abs_cos_sim"
        assert found[row.epoch, tag] == pytest.approx(row.avg_abs_cos_sim)
    assert len(losses) == 2 and len(rows) == 2 * 3
    assert len(list((study / "results/tiny/tensorboard").rglob("*tfevents*"))) == 2 + 2 * 5 * 2


# --- What the tiny study leaves out ---------------------------------------------------------------

DOWNSTREAM = """
  - {name: shapes_train, kind: glyphs, task: shapes, images: 40, seed: 2, train_of: shapes}

downstream:
  neighbours: 5
  probe: {epochs: 2, batch_size: 16, lr: 0.1, weight_decay: 0, seed: 0}
  pairs: {name: held_out, kind: glyphs, seed: 1, pairs: 30, noise: {missing: 0, wrong: 0}}

misalignment:"""


def test_more_ways_of_looking_downstream_run_their_own_jobs_alone(study, change):
    change("config/tiny.yaml", "\n\nmisalignment:", DOWNSTREAM)
    # one model is enough to see the jobs run
    config = (study / "config/tiny.yaml").read_text()
    laclip = config[config.index("  - name: laclip") : config.index("datasets:")]
    change("config/tiny.yaml", laclip, "")
    done = snakemake(study, "results/tiny/figures/downstream.png")
    assert count_jobs(done.stdout + done.stderr) == {
        "draw_dataset": 1,
        "draw_pairs": 1,
        "extract_held_out": 1,
        "measure_downstream": 1,
        "tabulate_downstream": 1,
        "plot_downstream": 1,
    }
    rows = read_rows(study / "results/tiny/tables/downstream.csv")
    columns = "model,dataset,strategy,cs,seed,method,metric,value,low,high,chance,n"
    assert ",".join(rows[0]) == columns
    heads = 1 + 2 * 5
    assert Counter((row["dataset"], row["method"]) for row in rows) == {
        ("shapes", "zero_shot"): heads * 2,
        ("shapes", "knn"): heads * 2,
        ("shapes", "linear_probe"): heads * 2,
        ("held_out", "text_retrieval"): heads * 3,
        ("held_out", "image_retrieval"): heads * 3,
    }
    found = {
        (row["model"], row["strategy"], row["cs"], row["seed"]): row["value"]
        for row in rows
        if (row["method"], row["metric"]) == ("zero_shot", "accuracy")
    }
    accuracies = read_rows(study / "results/tiny/tables/misalignment_accuracy.csv")
    assert found == {
        (row["model"], row["strategy"], row["cs"], row["seed"]): row["accuracy"]
        for row in accuracies
        if (row["model"], row["dataset"]) == ("clip", "shapes")
    }
    assert (study / "results/tiny/figures/downstream.pdf").read_bytes().startswith(b"%PDF")
