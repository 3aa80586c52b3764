"""What docs/outputs.md says that a study writes, held against what it wrote."""

import re
from pathlib import Path

from lib.purity import MEASURES

PAGE = Path(__file__).parents[1] / "docs/outputs.md"


def find_undescribed(results, data):
    """Files of a study that the page does not name, as it would name them."""
    files = {path for path in results.rglob("*") if path.is_file()}
    of_data = {path for path in data.rglob("*") if path.is_file()}
    names = [str(path.relative_to(results)) for path in files - of_data]
    names += [f"data/{path.relative_to(data)}" for path in of_data]
    patterns = [re.compile(pattern) for pattern in _list_patterns()]
    return sorted(name for name in names if not any(each.fullmatch(name) for each in patterns))


def read_columns():
    """The columns of each table, by its name."""
    rows = re.findall(r"^\| `tables/(\w+)\.csv` \|.*\| `([\w, ]+)`(.*) \|$", PAGE.read_text(), re.M)
    return {
        name: columns.split(", ") + list(MEASURES if "purity columns" in more else [])
        for name, columns, more in rows
    }


def _list_patterns():
    """Regular expressions of all names in the first cells; a folder stands for all in it."""
    cells = re.findall(r"^\| (`.*?) \|", PAGE.read_text(), re.M)
    for name in re.findall(r"`([\w./{}-]+)`", " ".join(cells)):
        parts = re.split(r"{\w+}", name)
        pattern = "[^/]+".join(map(re.escape, parts))
        yield f"{pattern}.*" if name.endswith("/") else pattern
