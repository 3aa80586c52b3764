"""Which claims a study could settle at all, before it is run: a test has a least p that it gives.

Exact tests of few seeds, few values of Cs or few neuron orders cannot give a small p, whatever the
data say; Holm's correction (`lib.statistics`) multiplies it. Known from the configuration alone.
"""

import math

from lib.statistics import LEVEL

PROJECTIONS, MEASURES = ("image", "text"), ("accuracy", "silhouette")


def list_untellable(config: dict) -> list[str]:
    """One sentence for each kind of headline that no outcome could settle.

    Of g claims whose tests give no p below some f, Holm's correction multiplies the smallest p by g
    or more, so none can be told if f * g exceeds the level.
    """
    floors, found = _list_floors(config), []
    for kind, floor, _, remedy in floors:
        alike = sum(other for _, least, other, _ in floors if least >= floor)
        if floor * alike > LEVEL:
            found.append(
                f"No outcome can settle whether {kind}: the least p of its test is "
                f"{floor:.2g}, and {alike} claims are corrected together; {remedy}."
            )
    return found


def _list_floors(config: dict) -> list[tuple[str, float, int, str]]:
    """Kind of claim, the least p of its test, the number of headlines, and what would lower it."""
    floors = []
    if "pruning" in config:
        for measure, key in zip(MEASURES, ("orders", "silhouette_orders"), strict=True):
            kind = f"the purest neurons keep more {measure}"
            remedy = f"more pruning.{key} would do"
            floors.append((kind, 1 / (1 + config["pruning"][key]), 2, remedy))
    if "misalignment" in config:
        strategies = len(config["misalignment"]["strategies"])
        values = len(set(config["misalignment"]["cs"]) | {0})
        seeds = len(config["seeds"])
        # of Page's test; with one seed there is none
        floor = 2 / math.factorial(values) ** seeds if seeds > 1 else 1.0
        count = strategies * (len(PROJECTIONS) + len(MEASURES))
        remedy = "one more value of misalignment.cs, or one more of seeds, would lower it"
        floors.append(("|cos|, accuracy and silhouette change with Cs", floor, count, remedy))
    return floors
