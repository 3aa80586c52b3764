"""Makes detection.csv: how well each model's cosine tells swapped pairs from aligned ones."""

import json
from pathlib import Path

from lib.detection import SCORES
from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
rows = []
for model, path in zip(snakemake.params.models, snakemake.input.scores, strict=True):
    for swap in json.loads(Path(path).read_text()):
        place = {key: swap[key] for key in ("strategy", "cs", "seed")}
        rows.append({"model": model} | place | {key: swap[key] for key in SCORES})
write_table(snakemake.output.table, rows)
