"""The documentation: made anew it is the same, and what it points at exists."""

import re

import pytest
import yaml

from docs.update import format_reference, walk

PAGES = [
    "README.md",
    "CHANGELOG.md",
    "docs/method.md",
    "docs/differences.md",
    "docs/extending.md",
    "docs/data.md",
    "docs/models.md",
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


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(root, page):
    path = root / page
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


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
