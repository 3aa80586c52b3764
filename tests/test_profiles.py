"""The profiles, and what rules ask for of a cluster."""

import re

import pytest
import yaml
import yte

from tests.test_rules import ROOT, RULES

DEFAULT, SLURM = (
    yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())
    for name in ("default", "slurm")
)
GROUPS = dict(entry.split("=") for entry in SLURM["groups"])
LOCAL = re.compile(r"(tabulate_(?!corpus)|export_(?!checkpoints)|summarise_|judge_|write_|bring_)")
# A rule's row in the documentation: name, jobs, CPUs, MB, minutes, GPU.
ROW = re.compile(r"^\| `(\w+)` \|.*?\| (\d+) \| (\d+) \| (\d+) \| (yes|-) \|", re.MULTILINE)


def read_resources(rule):
    """Threads, MB and minutes of one process's first attempt, and whether it may ask for a GPU."""
    text = RULES[rule]
    threads = re.search(r"threads: (\d+|get_processes|get_decoders)", text)[1]
    threads = {"get_processes": "1", "get_decoders": "1"}.get(threads, threads)
    amounts = [
        re.search(rf"{name}=(?:get_growing\()?(\d+)", text)[1] for name in ("mem_mb", "runtime")
    ]
    return threads, *amounts, "yes" if "gpu=get_gpus" in text else "-"


def test_the_slurm_profile_repeats_the_default_one():
    assert SLURM.items() >= DEFAULT.items()


@pytest.mark.parametrize("name", ["default", "slurm"])
@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        ([], "results/report.html"),
        (["--configfile", "config/tiny.yaml"], "results/tiny/report.html"),
        (["--config", "results=elsewhere"], "elsewhere/report.html"),
        (["--dry-run"], None),
        (["results/tables/purity.csv"], None),
        (["--until", "pretrain_model"], None),
        (["--omit-from", "finetune_heads"], None),
    ],
)
def test_only_a_run_of_the_whole_study_writes_its_report(monkeypatch, name, arguments, report):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["snakemake", "--cores", "1", *arguments])
    profile = yte.process_yaml((ROOT / f"profiles/{name}/config.yaml").read_text())
    assert profile["report"] == report
    assert profile["report-after-run"] == (True if report else None)


def test_figures_share_submissions():
    alone = {rule for rule in RULES if rule.startswith("plot_")} - GROUPS.keys()
    assert alone == {"plot_gallery"}, "expected plot_NAME=figures in profiles/slurm/config.yaml"


def test_groups_are_of_submitted_rules_and_have_a_size():
    assert {rule for rule in GROUPS if LOCAL.match(rule)} == set()
    assert GROUPS.keys() <= RULES.keys()
    sizes = dict(entry.split("=") for entry in SLURM["group-components"])
    assert sizes.keys() == set(GROUPS.values())


@pytest.mark.parametrize("rule", RULES)
def test_aggregation_is_local_and_other_rules_grow_with_every_attempt(rule):
    assert ("localrule: True" in RULES[rule]) == bool(LOCAL.match(rule))
    growing = re.findall(r"(mem_mb|runtime)=get_growing\(", RULES[rule])
    if LOCAL.match(rule) or GROUPS.get(rule) == "figures":
        assert growing == []
    else:
        assert growing == ["mem_mb", "runtime"]


def test_the_documentation_has_what_rules_ask_for():
    rows = ROW.findall((ROOT / "docs/cluster.md").read_text())
    documented = {rule: tuple(resources) for rule, *resources in rows}
    submitted = {rule for rule in RULES if not LOCAL.match(rule)}
    assert documented.keys() == {rule for rule in submitted if GROUPS.get(rule) != "figures"}
    assert documented == {rule: read_resources(rule) for rule in documented}
