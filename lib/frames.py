"""Tables as data frames, for what selects and groups: figures and claims."""

from pathlib import Path

import pandas as pd

_TEXT_COLUMNS = ("model", "dataset", "strategy", "projection", "recipe")


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a table; an empty cell is not a number, and a model named "NA" or "1" stays that text."""
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(_TEXT_COLUMNS, str),
        keep_default_na=False,
        na_values=[""],
    )
