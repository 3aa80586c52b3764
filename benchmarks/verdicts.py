"""Measures how often verdicts are wrong: studies without any effect, and studies with planted ones.

    python benchmarks/verdicts.py   # about 5 minutes; writes the table of docs/statistics.md

Each simulated study has what a real one has: images that are the same for all heads, seeds that
differ, noise with heavier tails than a normal distribution, and random neuron orders. It is judged
by the code that judges a real one. Without an effect any verdict but "cannot be told" is false.
"""

import argparse
import itertools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.update import replace_between, write_text
from lib.claims import PRETRAINED, PerImage, judge, select_headlines
from lib.pruning_orders import measure_orders
from lib.silhouette import silhouette_pseudo_values
from lib.statistics import CANNOT_BE_TOLD, HOLDS, LEVEL, wilson_interval

ROOT = Path(__file__).resolve().parents[1]
MODELS, DATASETS = ("clip", "laclip"), ("shapes", "colours")
STRATEGIES, PROJECTIONS = ("similar", "random"), ("image", "text")
CS, SEEDS = (0.0, 0.1, 0.3, 0.5, 0.8), (0, 1, 2)
CLASSES, DIM, KEEP = 5, 16, (4, 8, 12)


class Effects(NamedTuple):
    """What is planted, all 0 in a study without effects.

    Attributes:
        gain: of the second model, in standard deviations of how easy images are; classes move apart
            by 0.4 of it.
        purity: correlation of a neuron's purity with how much it tells.
        cosine: growth of mean |cos| per unit of Cs; seeds and swaps move it by 0.001.
        downstream: fall per unit of Cs, as `gain` is a rise.
    """

    gain: float = 0.0
    purity: float = 0.0
    cosine: float = 0.0
    downstream: float = 0.0


class Size(NamedTuple):
    """How large a simulated study is: images of a dataset, and random orders."""

    images: int = 120
    orders: int = 199
    silhouette_orders: int = 99


PLANTED = Effects(gain=0.4, purity=0.8, cosine=0.02, downstream=1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--null", type=int, default=1000, help="studies without an effect")
    parser.add_argument("--planted", type=int, default=200, help="studies with planted effects")
    arguments = parser.parse_args()
    null = judge_studies(range(arguments.null), Effects(), Size())
    planted = judge_studies(range(arguments.planted), PLANTED, Size())
    table = format_table(null, planted)
    page = ROOT / "docs/statistics.md"
    write_text(page, replace_between("verdicts", table, page.read_text()))
    print(table)


def judge_studies(seeds: Iterable[int], effects: Effects, size: Size) -> pd.DataFrame:
    """Headline claims of a simulated study for each seed, in the column `study`."""
    found = []
    for seed in seeds:
        claims = judge(**simulate_study(np.random.default_rng(seed), effects, size))
        found.append(select_headlines(claims).assign(study=seed))
    return pd.concat(found, ignore_index=True)


def simulate_study(generator: np.random.Generator, effects: Effects, size: Size) -> dict:
    """What `lib.claims.judge` judges, of two models, two datasets and three seeds."""
    return {
        "outcomes": simulate_outcomes(generator, effects, size.images),
        "orders": simulate_orders(generator, effects.purity, size),
        "misalignment": simulate_cosines(generator, effects.cosine),
    }


def simulate_outcomes(generator: np.random.Generator, effects: Effects, images: int) -> dict:
    """Outcomes by image: right where a normal quantity is positive; silhouettes of embeddings.

    A Cs turns what an image is into something else, alike in all seeds: single images win or lose
    by it, the images as a whole do not. Heads differ by a shift and by noise of their own.
    """
    outcomes = {}
    for dataset in DATASETS:
        means = generator.normal(size=(CLASSES, DIM))
        nature = generator.normal(size=(images, 1 + DIM))
        turned = {strategy: generator.normal(size=nature.shape) for strategy in STRATEGIES}
        for model in MODELS:
            gain = effects.gain * (model == MODELS[1])
            pretrained = {PRETRAINED: observe(nature, means, gain, generator)}
            tuned = {
                ("none" if cs == 0 else strategy, cs, seed): observe(
                    np.cos(cs) * nature + np.sin(cs) * turned[strategy],
                    means,
                    0.05 * generator.standard_t(5) - effects.downstream * cs,
                    generator,
                )
                for strategy, cs, seed in itertools.product(STRATEGIES, CS, SEEDS)
            }
            outcomes[model, dataset] = pretrained | tuned
    return outcomes


def observe(
    nature: np.ndarray, means: np.ndarray, shift: float, generator: np.random.Generator
) -> PerImage:
    """What a head makes of images, under noise of its own.

    Args:
        nature: (n, 1 + dim), how easy an image is, and where it lies around the mean of its class.
        means: (classes, dim).
        shift: makes images easier, and moves the classes apart.
    """
    seen = nature + 0.5 * generator.standard_t(5, nature.shape)
    labels = np.arange(len(nature)) % len(means)
    embeddings = (1 + 0.4 * shift) * means[labels] + seen[:, 1:]
    return PerImage(0.3 + shift + seen[:, 0] > 0, silhouette_pseudo_values(embeddings, labels))


def simulate_orders(generator: np.random.Generator, purity: float, size: Size) -> dict:
    """What is kept of orders of neurons that tell more or less, purity knowing of it or not.

    Neurons that tell much in one model tell little in the other, so that what random orders keep of
    one says something of the other. Models are pruned on the first dataset.
    """
    orders, told = {}, generator.uniform(0, 1, DIM)
    for model in MODELS:
        told = 1 - told
        known = (told - told.mean()) / told.std()
        scores = -purity * known + np.sqrt(1 - purity**2) * generator.normal(size=DIM)
        classes = generator.normal(size=(CLASSES, DIM)) * told
        labels = np.arange(size.images) % CLASSES
        rows = classes[labels] + generator.normal(size=(size.images, DIM))
        orders[model, DATASETS[0]] = measure_orders(
            rows / np.linalg.norm(rows, axis=1, keepdims=True),
            labels,
            classes / np.linalg.norm(classes, axis=1, keepdims=True),
            scores,
            KEEP,
            size.orders,
            size.silhouette_orders,
            seed=int(generator.integers(2**31)),
        )
    return orders


def simulate_cosines(generator: np.random.Generator, growth: float) -> pd.DataFrame:
    """The table of purity: a level for each seed, and noise for each head."""
    rows = []
    for model, projection, seed in itertools.product(MODELS, PROJECTIONS, SEEDS):
        level = 0.1 + 0.002 * generator.standard_t(5)
        for strategy, cs in itertools.product(STRATEGIES, CS):
            if cs == 0 and strategy != STRATEGIES[0]:
                continue
            value = level + growth * cs + 0.001 * generator.standard_t(5)
            name = strategy if cs else "none"
            rows.append((model, name, cs, seed, projection, value))
    columns = ["model", "strategy", "cs", "seed", "projection", "avg_abs_cos_sim"]
    return pd.DataFrame(rows, columns=columns)


def format_table(null: pd.DataFrame, planted: pd.DataFrame) -> str:
    """Rates with Wilson's 95% intervals, a row a claim, and of whole studies."""
    lines = [
        "| claim | p at most 0.05, no effect | verdict, no effect | *holds*, planted effect |",
        "|---|---|---|---|",
    ]
    for claim in null["claim"].unique():
        one, other = null[null["claim"] == claim], planted[planted["claim"] == claim]
        rates = [
            format_rate(one["p"] <= LEVEL),
            format_rate(one["verdict"] != CANNOT_BE_TOLD),
            format_rate(other["verdict"] == HOLDS),
        ]
        lines.append(f"| {claim.replace('|', '&#124;')} | {' | '.join(rates)} |")
    any_p, any_verdict = (
        wrong.groupby(null["study"]).any()
        for wrong in (null["p"] <= LEVEL, null["verdict"] != CANNOT_BE_TOLD)
    )
    cells = f"{format_rate(any_p)} | **{format_rate(any_verdict)}** | |"
    lines.append(f"| **any of the {len(null) // len(any_p)} claims of a study** | {cells}")
    count = f"{null['study'].nunique()} studies without an effect"
    planted_count = f"{planted['study'].nunique()} with {describe(PLANTED)}"
    return "\n".join([f"Measured on {count} and {planted_count}:", "", *lines])


def describe(effects: Effects) -> str:
    """The planted effects in words."""
    return ", ".join(f"{name} {value:g}" for name, value in effects._asdict().items())


def format_rate(happened: pd.Series) -> str:
    """A share in per cent with Wilson's 95% interval."""
    rate = [100 * bound for bound in wilson_interval(int(happened.sum()), len(happened))]
    return "{:.1f}% [{:.1f}, {:.1f}]".format(*rate)


if __name__ == "__main__":
    main()
