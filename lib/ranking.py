"""How well the mean |cos| that can be observed ranks the true purity that cannot, over runs."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata


class RankCorrelation(NamedTuple):
    """Spearman's correlation, its interval, its p-value (two-sided), and the number of runs.

    Across conditions there is no p-value (not a number): they drive both quantities.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    runs: int


def rank_runs(table: pd.DataFrame, seed: int = 0, draws: int = 2000) -> list[dict]:
    """Rank correlation of `mean_abs_cos` with `true_purity` in every scope.

    Scopes: raw runs of each p; raw runs, ranked at each p (within p); raw runs of all p; raw and
    filtered runs of all p. Purer runs should have a lower |cos|: -1 is perfect.

    Args:
        table: simulation.csv.
        seed: of resampling and permutations.
        draws: of either; permutations that are fewer are all taken.
    """
    trained = table[table["data"] != "untrained"]
    raw = trained[trained["data"] == "raw"]
    scopes = [(f"raw, p = {p:g}", rows, True) for p, rows in raw.groupby("p")]
    scopes += [("raw, within p", raw, True), ("raw, across p", raw, False)]
    scopes += [("raw and filtered, across p", trained, False)]
    return [
        {"scope": scope} | correlate(rows, within, seed, draws)._asdict()
        for scope, rows, within in scopes
    ]


def correlate(table: pd.DataFrame, within: bool, seed: int, draws: int) -> RankCorrelation:
    """One scope's rank correlation.

    Runs of one seed share dictionaries, images and initial weights. So the bootstrap resamples
    whole seeds; its percentiles are the 95% interval, too narrow a one where seeds are few (with
    five of them and one condition it misses 11% of the time, not 5%). And the p-value, within
    conditions, is that of pairing one seed's |cos| with the purities of another, in all conditions.

    Args:
        table: runs, each seed at the same conditions.
        within: whether ranks are taken within each condition (p and data).
    """
    grid = table.pivot(index="seed", columns=["data", "p"], values=["mean_abs_cos", "true_purity"])
    observed, true = (grid[name].to_numpy() for name in ("mean_abs_cos", "true_purity"))
    generator = np.random.default_rng(seed)
    estimate = spearman(observed, true, within)
    samples = [
        spearman(observed[rows], true[rows], within)
        for rows in generator.integers(len(grid), size=(draws, len(grid)))
    ]
    low, high = np.nanquantile(samples, [0.025, 0.975])
    p_value = _permutation_p_value(observed, true, generator, draws) if within else math.nan
    return RankCorrelation(estimate, float(low), float(high), p_value, observed.size)


def spearman(first: np.ndarray, second: np.ndarray, within: bool) -> float:
    """Spearman's correlation of two (seeds, conditions), of all cells or pooled within conditions.

    Not a number where all ranks are equal.
    """
    axis = 0 if within else None
    ranks = [rankdata(values, axis=axis).reshape(first.shape) for values in (first, second)]
    centred = [each - each.mean(axis=axis) for each in ranks]
    scale = math.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum())
    return float((centred[0] * centred[1]).sum() / scale) if scale else math.nan


def _permutation_p_value(
    observed: np.ndarray, true: np.ndarray, generator: np.random.Generator, draws: int
) -> float:
    """Share of pairings of seeds at least as strongly correlated as the one at hand, it included.

    All pairings, or as many random ones as asked for.
    """
    seeds = len(true)
    if math.factorial(seeds) <= draws:
        orders = list(itertools.permutations(range(seeds)))
    else:
        orders = [range(seeds), *(generator.permutation(seeds) for _ in range(draws))]
    found = abs(spearman(observed, true, within=True)) - 1e-12
    return float(
        np.mean(
            [abs(spearman(observed, true[list(order)], within=True)) >= found for order in orders]
        )
    )
