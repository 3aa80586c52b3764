"""Makes claims.csv, and the verdicts of the report's first page, of all that was measured."""

import itertools
from collections import defaultdict

import numpy as np

from lib.claims import PerImage, judge
from lib.claims_page import format_page
from lib.files import atomic_path
from lib.frames import read_frame
from lib.progress import start_log
from lib.pruning_orders import read_order_means
from lib.tables import describe_head


def read_outcomes(path, condition) -> dict[tuple, PerImage]:
    """Outcomes of the heads of a file, by strategy, Cs and seed."""
    with np.load(path) as arrays:
        names = ("labels", "correct", "silhouette_pseudo_values")
        labels, correct, silhouettes = (arrays[name] for name in names)
    return {
        tuple(describe_head(condition, label).values()): PerImage(*outcomes)
        for label, *outcomes in zip(labels, correct, silhouettes, strict=True)
    }


start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
tables = {
    name: read_frame(source[name])
    for name in ("misalignment", "sensitivity")
    if name in source.keys()  # noqa: SIM118 (its values are paths)
}
outcomes = defaultdict(dict)
places = itertools.product(params.models, params.heads, params.datasets)
for (model, head, dataset), path in zip(places, source.per_image, strict=True):
    outcomes[model, dataset] |= read_outcomes(path, head)
for (model, seed, dataset), path in zip(params.replicates, source.replicates, strict=True):
    (found,) = read_outcomes(path, "pretrained").values()
    outcomes[model, dataset]["pretrained", None, seed] = found
orders = None
if "orders" in source.keys():  # noqa: SIM118
    paths = zip(itertools.product(params.models, params.datasets), source.orders, strict=True)
    orders = {place: read_order_means(path) for place, path in paths}
claims = judge(outcomes, orders, **tables, baselines=params.baselines)
with atomic_path(snakemake.output.table) as temporary:
    claims.to_csv(temporary, index=False, lineterminator="\n")
with atomic_path(snakemake.output.page) as temporary:
    page = format_page(claims, tables.get("sensitivity"), params.is_drawn)
    temporary.write_text(page, encoding="utf-8")
