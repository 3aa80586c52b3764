"""Tables as data frames, for what selects and groups: figures, the page and claims."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lib.statistics import Interval, mean_interval

RANDOM_LEVEL = ["random_baseline", "random_low", "random_high"]  # of a random projection
ORDER_BAND = (0.05, 0.95)  # quantiles over random orders of neurons
# the values that are possible: an interval ends where they do
POSSIBLE = {"accuracy": (0, 1), "silhouette": (-1, 1)}
_TEXT_COLUMNS = ("model", "dataset", "strategy", "projection", "recipe")


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a table: an empty cell is not a number, and a model named "NA" stays that text."""
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(_TEXT_COLUMNS, str),
        keep_default_na=False,
        na_values=[""],
    )


def list_strategies(table: pd.DataFrame) -> list[str]:
    """The strategies of misalignment in a table, without the pretrained model and the control."""
    return [name for name in table["strategy"].unique() if name not in ("pretrained", "none")]


def name_recipe(settings: Mapping[str, Any]) -> str:
    """A recipe of fine-tuning in words, "lr 0.001, 10 epochs", from a row of sensitivity.csv."""
    return f"lr {settings['lr']:g}, {settings['epochs']:g} epochs"


def seed_table(rows: pd.DataFrame, strategy: str, column: str) -> pd.DataFrame:
    """Values of `column` by seed (rows) and Cs (columns, ascending), the control at Cs 0.

    Args:
        rows: of one model, projection or dataset.
        strategy: the control, which swaps nothing, belongs to each.
    """
    chosen = rows[rows["strategy"].isin(["none", strategy])]
    return chosen.pivot(index="seed", columns="cs", values=column)


def cs_curve(rows: pd.DataFrame, strategy: str, column: str) -> tuple[list[float], list[Interval]]:
    """Values of Cs, and at each the mean of `column` over seeds with its 95% interval."""
    table = seed_table(rows, strategy, column)
    return list(table.columns), [mean_interval(table[cs].dropna().to_numpy()) for cs in table]
