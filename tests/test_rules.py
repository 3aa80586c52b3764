"""The workflow's files: what every rule says, how long files are, and what imports what."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
MODULES = sorted((ROOT / "lib").glob("*.py"))
RULE_FILES = sorted((ROOT / "workflow/rules").glob("*.smk"))


def read_rules():
    """The text of every rule that does something, by name."""
    rules = {}
    for path in RULE_FILES:
        parts = re.split(r"^rule (\w+):$", path.read_text(), flags=re.MULTILINE)
        rules |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return rules


def read_imports(path):
    """Dotted names that a file imports, in functions too, but not for type checkers only."""
    names, pending = set(), [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            if node.module == "lib":
                names.update(f"lib.{alias.name}" for alias in node.names)
        pending.extend(ast.iter_child_nodes(node))
    return names


RULES = read_rules()
IMPORTS = {f"lib.{path.stem}": read_imports(path) for path in MODULES if path.stem != "__init__"}


def test_every_rule_is_read():
    used = {name for text in RULES.values() for name in re.findall(r"scripts/(\w+)\.py", text)}
    assert used == {path.stem for path in SCRIPTS}
    assert len(RULES) == len(used)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_what_it_needs_and_does(name):
    found = re.findall(r"^ {4}(?: {4})?(\w+)(?::|=)", RULES[name], flags=re.MULTILINE)
    assert {"output", "log", "conda", "threads", "mem_mb", "runtime", "message", "script"} <= {
        *found
    }
    assert f"../scripts/{name}.py" in RULES[name]
    assert f'LOGS / "{name}' in RULES[name]
    assert f'get_code_hash("{name}.py")' in RULES[name]


@pytest.mark.parametrize("name", RULES)
def test_a_result_has_one_label_in_the_report(name):
    """Snakemake makes a switch of a second one, and may show a blank page."""
    labels = re.findall(r'labels=\{([^}"]*)"content": f?"([^"]+)"([^}]*)\}', RULES[name])
    assert len(labels) == RULES[name].count("report(")
    for before, content, after in labels:
        assert before.strip() == after.strip(", \n") == ""
        assert re.search(r" \((figure|table|JSON)\)$", content)


@pytest.mark.parametrize("name", RULES)
def test_what_may_take_long_has_a_benchmark_under_its_name(name):
    """From the names of the files `resources.csv` knows which rule they tell of."""
    amount = re.search(r"runtime=(?:get_growing\()?(\d+)", RULES[name])[1]
    has_benchmark = "benchmark:" in RULES[name]
    assert has_benchmark or int(amount) <= 10
    if has_benchmark:
        assert re.search(rf'BENCHMARKS / f?"{name}[/.]', RULES[name])


@pytest.mark.parametrize(
    ("paths", "limit"),
    [
        ([ROOT / "Snakefile"], 80),
        (RULE_FILES, 200),
        ([path for path in SCRIPTS if path.stem != "analyze_purity"], 60),
    ],
    ids=["Snakefile", "rules", "scripts"],
)
def test_files_are_short(paths, limit):
    lengths = {path.name: len(path.read_text().splitlines()) for path in paths}
    assert {name: length for name, length in lengths.items() if length > limit} == {}


def test_modules_import_one_another_without_cycles():
    own = {
        name: {part for part in found if part.startswith("lib.")} for name, found in IMPORTS.items()
    }
    assert set().union(*own.values()) <= set(IMPORTS)
    graphlib.TopologicalSorter(own).prepare()  # raises an error that names a cycle


def test_modules_import_neither_workflow_nor_tests():
    roots = {name.partition(".")[0] for found in IMPORTS.values() for name in found}
    assert not roots & {"workflow", "tests", "snakemake"}
