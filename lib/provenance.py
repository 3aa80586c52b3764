"""What made a result: the meaning of the code that was run, and the versions that ran it."""

import ast
import functools
import hashlib
import json
import platform
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from safetensors import safe_open

from lib.json_files import read_json

# What results depend on; ftfy and regex decide which captions are one to a text tower.
PACKAGES = (
    "ftfy",
    "matplotlib",
    "numpy",
    "open_clip_torch",
    "pandas",
    "pillow",
    "pyarrow",
    "regex",
    "safetensors",
    "scikit-learn",
    "scipy",
    "snakemake",
    "sparse_dot_topn",
    "timm",
    "torch",
    "torchvision",
)


@functools.cache
def code_hash(script: str | Path, root: str | Path) -> str:
    """Hash of what a script means: its syntax tree and that of every `lib` module it reaches.

    Comments, docstrings and formatting do not count. Given to a rule as a parameter, it makes
    Snakemake rerun the rule when the code's meaning changed, and only then.

    Args:
        script: the Python file.
        root: the folder that holds `lib`.
    """
    root = Path(root)
    meaning, imported = _read_meaning(Path(script))
    meanings, pending = {"__main__": meaning}, set(imported)
    while pending:
        name = pending.pop()
        path = _module_path(name, root)
        if name in meanings or path is None:
            continue
        meanings[name], imported = _read_meaning(path)
        pending |= imported
    digest = hashlib.sha256()
    for name in sorted(meanings):
        digest.update(f"{name}\n{meanings[name]}\n".encode())
    return digest.hexdigest()[:16]


def describe_origin(code: str, **settings: Any) -> dict[str, str]:
    """What made a file, as metadata of safetensors: a hash of the code, versions, settings.

    One entry holds it all: safetensors writes several in an order that changes from run to run.
    """
    origin = {"code": code, "versions": versions(), **settings}
    return {"origin": json.dumps(origin, sort_keys=True)}


def read_origin(path: str | Path) -> dict[str, Any]:
    """What made a safetensors file, as `describe_origin` wrote it down."""
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["origin"])


def read_checkpoint_hash(path: str | Path) -> str | None:
    """SHA-256 of the checkpoint that a file's numbers come from, None if they were trained here.

    Args:
        path: safetensors file with the metadata of `describe_origin`.
    """
    return read_origin(path).get("checkpoint")


def versions() -> dict[str, str]:
    """Versions of Python, of the platform and of the packages here that results depend on."""
    found = {
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
    }
    for package in PACKAGES:
        with suppress(PackageNotFoundError):  # a rule's own environment has what the rule needs
            found[package] = version(package)
    return found


def merge_versions(origins: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Versions in files' origins (`read_origin`), then those of this environment over them.

    A rule's own environment may lack what made its inputs.
    """
    found: dict[str, str] = {}
    for origin in origins:
        found |= origin["versions"]
    return found | versions()


def explain_changes(manifest: str | Path, config: dict) -> str | None:
    """A sentence on what differs between a configuration and that of the results that are there.

    Snakemake knows what has changed from its own records, `.snakemake` in the working folder. Of
    results that were computed from another folder it has none, and takes them for up to date.

    Args:
        manifest: provenance.json of the results.

    Returns:
        None where nothing differs, or nothing was computed yet.
    """
    if not Path(manifest).exists():
        return None
    before = _flatten(read_json(manifest)["config"])
    now = _flatten(json.loads(json.dumps(config)))
    changed = [key for key in before | now if before.get(key) != now.get(key)]
    if not changed:
        return None
    told = [f"{key} ({_show(before, key)}, now {_show(now, key)})" for key in changed]
    more = f" and {len(told) - 3} more" if told[3:] else ""
    return (
        f"{manifest} was made with another configuration: {', '.join(told[:3])}{more}. Snakemake "
        "reruns what that changes, but only if the results were computed from this working folder; "
        "if they were not, add --forceall."
    )


def _show(values: dict[str, Any], key: str) -> str:
    text = str(values[key]) if key in values else "nothing"
    return text if len(text) <= 40 else f"{text[:37]}..."


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings and lists of mappings as one mapping of paths, such as models[0].seed."""
    if isinstance(value, dict):
        parts = [(f"{prefix}.{key}".removeprefix("."), each) for key, each in value.items()]
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        parts = [(f"{prefix}[{place}]", each) for place, each in enumerate(value)]
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for name, each in parts:
        flat |= _flatten(each, name)
    return flat


def _module_path(name: str, root: Path) -> Path | None:
    """The file of a dotted name below `root`, None if it names no module (but a function, say)."""
    base = root.joinpath(*name.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _read_meaning(path: Path) -> tuple[str, frozenset[str]]:
    """What a file means, as text, and the dotted names under `lib` that it imports."""
    return _analyse(path.read_text(encoding="utf-8"), str(path))


@functools.cache  # every script reaches much the same modules, and every job hashes every script
def _analyse(source: str, filename: str) -> tuple[str, frozenset[str]]:
    tree = _meaningful_tree(source, filename)
    return ast.dump(tree), frozenset(_imported_modules(tree))


def _meaningful_tree(source: str, filename: str) -> ast.Module:
    """The syntax tree of a file without the strings that stand alone: docstrings."""
    tree = ast.parse(source, filename=filename)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [statement for statement in body if not _is_lone_string(statement)]
    return tree


def _is_lone_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imported_modules(tree: ast.Module) -> set[str]:
    """Dotted names under `lib` that a tree imports, with the packages on the way to them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return set(_with_packages(name for name in names if name.split(".")[0] == "lib"))


def _with_packages(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            yield ".".join(parts[:depth])
