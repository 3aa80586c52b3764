"""Pins: exact, the same everywhere, and enough for what each rule imports."""

import re
import sys

import pytest
import yaml

from tests.test_rules import IMPORTS, ROOT, RULES, SCRIPTS, read_imports

ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.]+)")
# Distributions whose names differ from that of what is imported.
DISTRIBUTIONS = {
    "open_clip": "open_clip_torch",
    "open_clip_train": "open_clip_torch",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


def normalise(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(lines):
    """Versions by distribution; a line that is no exact pin, or a second one, is an error."""
    pins = {}
    for line in lines:
        match = PIN.fullmatch(line)
        assert match, f"{line!r} is not an exact pin"
        name = normalise(match[1])
        assert name not in pins, f"{name} is pinned twice"
        pins[name] = match[2]
    return pins


def read_requirements(name):
    lines = (ROOT / "envs" / name).read_text().splitlines()
    return read_pins(line for line in lines if line and not line.startswith("#"))


def read_environment(path):
    """The pins of pip, and what conda provides."""
    *conda, last = yaml.safe_load(path.read_text())["dependencies"]
    return read_pins(last["pip"]), conda


REQUIREMENTS = read_requirements("requirements.txt")
FOR_TESTS = read_requirements("requirements-dev.txt")
FOR_SLURM = read_requirements("requirements-slurm.txt")


def list_distributions(names):
    """Distributions of imported modules, but for the standard library and the project's own."""
    roots = {name.partition(".")[0] for name in names}
    others = roots - sys.stdlib_module_names - {path.name for path in ROOT.iterdir()}
    return {normalise(DISTRIBUTIONS.get(name, name)) for name in others}


def reach(script):
    """All that a script imports, itself or through modules of lib."""
    names, pending = set(), read_imports(script)
    while pending:
        name = pending.pop()
        if name not in names:
            names.add(name)
            pending |= IMPORTS.get(name, set())
    return names


def test_nothing_is_pinned_twice():
    names = [*REQUIREMENTS, *FOR_TESTS, *FOR_SLURM]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_has_the_pins_of_the_requirements(path):
    pins, conda = read_environment(path)
    assert pins.items() <= REQUIREMENTS.items()
    assert conda == ["python =3.11", "pip"]


@pytest.mark.parametrize("rule", RULES)
def test_a_rules_environment_has_what_its_script_imports(rule):
    environment = re.search(r'conda:\s+"\.\./\.\./(envs/\w+\.yaml)"', RULES[rule])[1]
    pins, _ = read_environment(ROOT / environment)
    needed = list_distributions(reach(ROOT / f"workflow/scripts/{rule}.py"))
    assert needed - pins.keys() == set()


def test_everything_imported_is_pinned():
    others = [ROOT / "tests", ROOT / "workflow"]
    files = [*SCRIPTS, *(path for folder in others for path in folder.rglob("*.py"))]
    names = set().union(*IMPORTS.values(), *map(read_imports, files))
    assert list_distributions(names) - REQUIREMENTS.keys() - FOR_TESTS.keys() == set()


def read_definition(path):
    """An Apptainer definition: its header, and the lines of each section, comments left out."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    header, sections = {}, {}
    for line in lines:
        if line.startswith("%"):
            section = sections.setdefault(line.removeprefix("%"), [])
        elif sections:
            section.append(line)
        else:
            key, _, value = line.partition(":")
            header[key] = value.strip()
    return header, sections


def test_the_container_has_the_python_and_the_pins_of_the_requirements():
    """It takes the very file, which `read_requirements` has found to be exact pins."""
    header, sections = read_definition(ROOT / "envs/apptainer.def")
    assert re.fullmatch(r"python:3\.11-slim-\w+", header["From"])
    copies = dict(line.split() for line in sections["files"])
    (install,) = sections["post"]
    assert install.startswith("python -m pip install ")
    *options, installed = install.removeprefix("python -m pip install ").split()
    assert options == ["--no-cache-dir", "--disable-pip-version-check", "-r"]
    assert copies == {"envs/requirements.txt": installed}
    assert "snakemake" in REQUIREMENTS  # which %runscript starts
    assert sections["runscript"] == ['exec python -m snakemake "$@"']
