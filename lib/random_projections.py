"""What mean |cos| random projections have: the level without which none means anything."""

import math


def random_baseline(width: int) -> float:
    """Expected |cos| of two random Gaussian neurons of `width` weights: sqrt(2 / (pi * width)).

    This is the limit of a large width; the exact mean is higher by the share 1 / (4 * width).
    """
    return math.sqrt(2 / (math.pi * width))


def random_band(width: int, dim: int) -> tuple[float, float]:
    """Where 95% of random Gaussian projections have their mean |cos|: the lower and upper end.

    The cosine of two random directions has E|c| = G(w / 2) / (sqrt(pi) G((w + 1) / 2)), G the gamma
    function, and E c**2 = 1 / w. Given one neuron, its cosines to two others are independent and
    their distribution is the same for every neuron, so the |c| of different pairs are uncorrelated:
    the variance of their mean is that of one, divided by the number of pairs.
    """
    mean = math.exp(math.lgamma(width / 2) - math.lgamma((width + 1) / 2)) / math.sqrt(math.pi)
    deviation = math.sqrt(max(1 / width - mean**2, 0) / (dim * (dim - 1) / 2))
    return mean - 1.96 * deviation, mean + 1.96 * deviation
