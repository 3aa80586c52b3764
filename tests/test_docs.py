"""The documentation: made anew it is the same, and what it points at exists."""

import re

import pandas as pd
import pytest
import torchvision.datasets
import yaml

from docs.update import format_purest, format_reference, format_remedies, walk
from lib.claims import name_pruning_claim
from lib.config import check_config
from lib.dataset_registry import REGISTRY, SCHEMA, read_registry
from lib.figures import STRATEGY_NAMES
from lib.purity import MEASURES
from lib.swaps import STRATEGIES
from lib.tables import write_table
from tests.conftest import ROOT
from tests.outputs import PAGE

PAGES = [
    "README.md",
    "CHANGELOG.md",
    "benchmarks/download.md",
    "benchmarks/results.md",
    *(f"docs/{path.name}" for path in sorted(ROOT.glob("docs/*.md"))),
]

EXAMPLES = {"config/mine.yaml", "lib/figure_NAME.py"}  # files that a reader makes


def test_the_config_reference_is_that_of_the_schema(root):
    text = (root / "docs/config.md").read_text()
    assert text == format_reference(root / "workflow/schemas"), "run `python docs/update.py`"


def test_every_key_of_the_config_is_described(root):
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    keys = list(walk(schema, schema))
    assert len(keys) > 60
    assert [key for key, _, meaning in keys if not meaning.endswith((".", ")"))] == []


def test_the_readme_tells_where_purest_neurons_pay():
    claim = name_pruning_claim("accuracy", "random ones")
    row = {"claim": claim, "effect": 1.0, "low": 0.5, "high": 1.5, "verdict": "holds"}
    models, datasets = ["", "clip", "clip", "laclip", "clip", "laclip"], ["", "", *"aabb"]
    claims = pd.DataFrame([row] * 6).assign(model=models, dataset=datasets)
    claims.loc[3, ["effect", "low", "verdict"]] = [-1.0, -3.5, "cannot be told"]
    assert format_purest(claims).splitlines() == [
        "| dataset | clip | laclip |",
        "|---|---|---|",
        "| a | +1.00 [+0.50, +1.50] * | -1.00 [-3.50, +1.50] |",
        "| b | +1.00 [+0.50, +1.50] * | +1.00 [+0.50, +1.50] * |",
    ]


def test_the_readme_tells_what_remedies_restore(tmp_path):
    """Of random swaps, from the control to swapped captions, and from there."""
    head = {"model": "clip", "seed": 0, "dataset": "a", "silhouette": 0.25}
    heads = [("none", 0.0, 0.75), ("similar", 0.5, 0.6), ("random", 0.5, 0.5)]
    rows = [head | {"strategy": s, "cs": c, "accuracy": value} for s, c, value in heads]
    write_table(tmp_path / "misalignment_accuracy.csv", rows)
    rows = [
        head | {"strategy": strategy, "cs": 0.5, "remedy": remedy, "accuracy": accuracy}
        for strategy, accuracy in (("similar", 0.1), ("random", 0.625))
        for remedy in ("dropped30", "filtered")
    ]
    rows.append(rows[-1] | {"dataset": "b", "accuracy": 0.375})
    write_table(tmp_path / "remedies_accuracy.csv", rows)
    assert format_remedies(tmp_path).splitlines() == [
        "| model, Cs | change by swaps | then 30% of lowest cosine dropped "
        "| then captions replaced |",
        "|---|---|---|---|",
        "| clip, 0.5 | -25.0, +0.0000 | +12.5, +0.0000 | +0.0, +0.0000 |",
    ]


def test_purity_columns_are_described():
    (sentence,) = re.findall(
        r"\*Purity columns\* are, in this order,\s(.*?), defined", PAGE.read_text(), re.S
    )
    assert tuple(re.findall(r"`(\w+)`", sentence)) == MEASURES


def test_strategies_have_the_same_names_everywhere(root):
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    allowed = schema["properties"]["misalignment"]["properties"]["strategies"]["items"]["enum"]
    script = (root / "workflow/page/page.js").read_text()
    (names,) = re.findall(r"const STRATEGY_NAMES = \{(.*?)\};", script, re.S)
    in_script = dict(re.findall(r'(\w+): "(.*?)"', names))
    assert tuple(allowed) == STRATEGIES
    assert in_script == STRATEGY_NAMES
    assert tuple(STRATEGY_NAMES) == STRATEGIES


def test_the_datasets_of_the_registry_are_described(root):
    rows = re.findall(
        r"^\| `(\w+)`: \[.*?\]\((.*?)\).*?\| ([\d,]+) \| ([\d,]+) \|",
        (root / "docs/data.md").read_text(),
        flags=re.MULTILINE,
    )
    described = {
        name: (home, int(images.replace(",", "")), int(classes.replace(",", "")))
        for name, home, images, classes in rows
    }
    registry = read_registry(root)
    assert described == {
        name: (entry["home"], entry["images"], entry["classes"]) for name, entry in registry.items()
    }


def test_the_examples_of_datasets_are_valid(root, tmp_path):
    """An entry of the registry, and entries of a study."""
    extending = (root / "docs/extending.md").read_text()
    example = re.search(r"```yaml\n(- name: .*?)```", extending, re.DOTALL)[1]
    for name in (REGISTRY, SCHEMA):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((root / name).read_text())
    (added,) = (entry["name"] for entry in yaml.safe_load(example))
    if added not in read_registry(root):  # or somebody has followed the page to the letter
        with open(tmp_path / REGISTRY, "a") as stream:
            stream.write(example)
    assert hasattr(torchvision.datasets, read_registry(tmp_path)[added]["class"])
    data = (root / "docs/data.md").read_text()
    examples = yaml.safe_load(re.search(r"```yaml\n(datasets:.*?)```", data, re.DOTALL)[1])
    config = yaml.safe_load((root / "config.yaml").read_text()) | examples
    check_config(config, root / "workflow/schemas/config.schema.yaml", root)


def list_anchors(path):
    """What the headings of a page can be linked by."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(root, page):
    path = root / page
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", path.read_text()):
        if target.startswith("http"):
            continue
        linked = path.parent / target if target else path
        assert linked.exists(), target
        assert not anchor or anchor in list_anchors(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(root, page):
    names = re.findall(
        r"`((?:lib|workflow|config|docs|benchmarks|tests)/[\w/.]+)`", (root / page).read_text()
    )
    for name in set(names) - EXAMPLES:
        assert (root / name).exists(), name


def test_the_two_papers_can_be_cited(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert [len(paper["authors"]) for paper in citation["references"]] == [4, 5]
    assert (root / "README.md").read_text().count("@inproceedings") == 2
