"""Pairs of known making: images and texts that are sparse sums of concepts, some texts misaligned.

An image is x = M z + noise, its text y = H z' + noise. M and H hold one orthonormal column for each
concept, z the few active concepts. A share of the pairs is clean (z' = z); in the others each
active concept is replaced in the text, with probability p, by its fixed spurious partner. This is
the data model of Sun et al. (NeurIPS 2025).

Everything of one seed but the replacements is the same for every p: its runs differ in p alone.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch


@dataclass(frozen=True)
class PairSettings:
    """How pairs are made.

    Attributes:
        concepts: columns of each dictionary; even, since partners go two by two.
        dimension: length of images and texts.
        active: expected number of active concepts of a pair (each is active or not by itself; a
            pair without any is given one).
        signed: whether coefficients are -1 or 1 with equal chance, instead of 1.
        noise: standard deviation of each coordinate's Gaussian noise.
        clean_share: probability that a pair is clean whatever p is.
        pairs: training pairs.
        held_out: clean pairs that are not trained on; they choose the remedy's margin.
        test_images: images of the zero-shot test.
        distractor: coefficient of concepts other than the class in test images.
    """

    concepts: int
    dimension: int
    active: float
    signed: bool
    noise: float
    clean_share: float
    pairs: int
    held_out: int
    test_images: int
    distractor: float


class SparsePairs(NamedTuple):
    """Pairs of several runs.

    Attributes:
        images, texts: (runs, n, dimension) float32.
        is_clean: (runs, n) whether a pair was drawn as clean.
        is_wrong: (runs, n) whether the text has other concepts than the image (two partners that
            replace each other are none).
    """

    images: torch.Tensor
    texts: torch.Tensor
    is_clean: torch.Tensor
    is_wrong: torch.Tensor


class Dictionaries(NamedTuple):
    """(runs, dimension, concepts) orthonormal columns of images and texts."""

    image: torch.Tensor
    text: torch.Tensor


class ZeroShotTest(NamedTuple):
    """(runs, n, dimension) images, (n,) their classes, (runs, concepts, dimension) prompts."""

    images: torch.Tensor
    labels: torch.Tensor
    prompts: torch.Tensor


def seeded(seed: int, purpose: str) -> torch.Generator:
    """A generator of its own for each purpose of a seed, so that no draw shifts another."""
    state = np.random.SeedSequence([seed, *purpose.encode()]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def find_partners(concepts: int) -> torch.Tensor:
    """(concepts,) the spurious partner of each: 0 and 1 are partners, 2 and 3, and so on."""
    return torch.arange(concepts) ^ 1


def draw_dictionaries(settings: PairSettings, seeds: list[int]) -> Dictionaries:
    """Dictionaries of each run, random orthonormal columns by QR of a Gaussian matrix."""
    return Dictionaries(
        *(
            torch.stack([_draw_orthonormal(settings, seeded(seed, name)) for seed in seeds])
            for name in ("image dictionary", "text dictionary")
        )
    )


def draw_pairs(
    settings: PairSettings, dictionaries: Dictionaries, seeds: list[int], shares: list[float]
) -> SparsePairs:
    """Training pairs of each run, by its seed and its p (its share)."""
    runs = [
        _draw_run(settings, settings.pairs, seed, share, "training")
        for seed, share in zip(seeds, shares, strict=True)
    ]
    return _embed(dictionaries, runs)


def draw_clean_pairs(
    settings: PairSettings, dictionaries: Dictionaries, seeds: list[int]
) -> SparsePairs:
    """Clean pairs of each seed that no run trains on."""
    runs = [_draw_run(settings, settings.held_out, seed, 0.0, "held out") for seed in seeds]
    return _embed(dictionaries, runs)


def draw_test(settings: PairSettings, dictionaries: Dictionaries, seeds: list[int]) -> ZeroShotTest:
    """Images of one whole concept (the class) and weaker others; a prompt is the class alone."""
    labels = torch.arange(settings.test_images) % settings.concepts
    images = []
    for dictionary, seed in zip(dictionaries.image, seeds, strict=True):
        generator = seeded(seed, "test")
        codes = settings.distractor * draw_codes(settings, len(labels), generator)
        codes[torch.arange(len(labels)), labels] = 1.0
        images.append(codes @ dictionary.T + _draw_noise(settings, len(labels), generator))
    return ZeroShotTest(torch.stack(images), labels, dictionaries.text.mT.contiguous())


def draw_codes(settings: PairSettings, n: int, generator: torch.Generator) -> torch.Tensor:
    """(n, concepts) coefficients: 0, or 1, or with `signed` -1."""
    shape = (n, settings.concepts)
    codes = (torch.rand(shape, generator=generator) < settings.active / settings.concepts).float()
    spare = torch.randint(settings.concepts, (n,), generator=generator)
    empty = (codes.sum(dim=1) == 0).nonzero().squeeze(1)
    codes[empty, spare[empty]] = 1.0
    signs = 2.0 * torch.randint(2, shape, generator=generator) - 1.0
    return codes * signs if settings.signed else codes


def replace_concepts(codes: torch.Tensor, is_replaced: torch.Tensor) -> torch.Tensor:
    """Codes in which the chosen concepts' coefficients have moved to their partners.

    Args:
        codes: (n, concepts).
        is_replaced: (n, concepts) bool. Where a partner is active, too, coefficients add up.
    """
    moved = torch.where(is_replaced, codes, 0.0)
    return codes - moved + moved[:, find_partners(codes.shape[1])]


class _Run(NamedTuple):
    """Codes, noise and kind of the pairs of one run."""

    image_codes: torch.Tensor
    text_codes: torch.Tensor
    image_noise: torch.Tensor
    text_noise: torch.Tensor
    is_clean: torch.Tensor


def _draw_run(settings: PairSettings, n: int, seed: int, share: float, purpose: str) -> _Run:
    generator = seeded(seed, purpose)
    codes = draw_codes(settings, n, generator)
    is_clean = torch.rand(n, generator=generator) < settings.clean_share
    is_replaced = torch.rand(codes.shape, generator=generator) < share
    return _Run(
        codes,
        replace_concepts(codes, is_replaced & ~is_clean[:, None]),
        _draw_noise(settings, n, generator),
        _draw_noise(settings, n, generator),
        is_clean,
    )


def _embed(dictionaries: Dictionaries, runs: list[_Run]) -> SparsePairs:
    codes, text_codes, image_noise, text_noise, is_clean = map(torch.stack, zip(*runs, strict=True))
    return SparsePairs(
        codes @ dictionaries.image.mT + image_noise,
        text_codes @ dictionaries.text.mT + text_noise,
        is_clean,
        (codes != text_codes).any(dim=-1),
    )


def _draw_noise(settings: PairSettings, n: int, generator: torch.Generator) -> torch.Tensor:
    return settings.noise * torch.randn(n, settings.dimension, generator=generator)


def _draw_orthonormal(settings: PairSettings, generator: torch.Generator) -> torch.Tensor:
    gaussian = torch.randn(settings.dimension, settings.concepts, generator=generator)
    return torch.linalg.qr(gaussian)[0]
