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
sensitivity = read_frame(source.sensitivity)
claims = judge(
    {place: read_outcomes(path) for place, path in zip(places, source.per_image, strict=True)},
    read_frame(source.pruning),
    read_frame(source.misalignment),
    read_frame(source.misalignment_accuracy),
    sensitivity,
)
with atomic_path(snakemake.output.table) as temporary:
    claims.to_csv(temporary, index=False, lineterminator="\n")
with atomic_path(snakemake.output.page) as temporary:
    temporary.write_text(format_page(claims, sensitivity, params.corpus_kind), encoding="utf-8")
