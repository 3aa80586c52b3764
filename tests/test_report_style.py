"""The report's style selects elements by classes that Snakemake's own template gives them."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

TEMPLATE = "report/html_reporter/template/components"
RULE = re.compile(r"([^{}]+)\{[^{}]*\}")


@pytest.fixture(scope="module")
def elements():
    """Sets of classes of the elements of Snakemake's template."""
    (package,) = find_spec("snakemake").submodule_search_locations
    texts = [path.read_text() for path in Path(package, TEMPLATE).glob("*.js")]
    found = re.findall(r'class(?:Name)?: ["`]([^"`]*)["`]', "".join(texts))
    return [set(classes.split()) | {"w-0"} for classes in found]  # w-0: a hidden menu


def test_every_selector_finds_an_element(root, elements):
    style = (root / "workflow/report/style.css").read_text()
    style = re.sub(r"/\*.*?\*/|@media[^{]*\{", "", style, flags=re.DOTALL)
    selectors = [part for rule in RULE.findall(style) for part in rule.split(",")]
    parts = {part for selector in selectors for part in re.split(r"[\s>]+", selector.strip("\n }"))}
    chosen = [set(re.findall(r"\.([\w-]+)", part)) for part in parts]
    assert {"h-screen", "items-center"} in chosen
    assert [classes for classes in chosen if not any(classes <= each for each in elements)] == []
