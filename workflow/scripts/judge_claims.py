"""Makes claims.csv, and the verdicts of the report's first page, of all tables."""

import itertools

import numpy as np

from lib.claims import PerImage, judge
from lib.claims_page import format_page
from lib.files import atomic_path
from lib.frames import read_frame
from lib.progress import start_log


def read_outcomes(path) -> PerImage:
    """Outcomes of the only head of a file."""
    with np.load(path) as arrays:
        return PerImage(*(arrays[name][0] for name in ("correct", "silhouettes")))


start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
places = itertools.product(params.models, params.datasets)
tables = {
    name: read_frame(source[name])
    for name in ("pruning", "misalignment", "misalignment_accuracy", "sensitivity")
    if name in source.keys()  # noqa: SIM118 (its values are paths)
}
outcomes = {
    place: read_outcomes(path) for place, path in zip(places, source.per_image, strict=True)
}
claims = judge(outcomes, **tables, baselines=params.baselines)
with atomic_path(snakemake.output.table) as temporary:
    claims.to_csv(temporary, index=False, lineterminator="\n")
with atomic_path(snakemake.output.page) as temporary:
    page = format_page(claims, tables.get("sensitivity"), params.is_drawn)
    temporary.write_text(page, encoding="utf-8")
