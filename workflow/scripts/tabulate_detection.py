"""Makes detection.csv: how well each model's cosine tells swapped pairs from aligned ones."""

from lib.detection import SCORES
from lib.json_files import read_json
from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
rows = []
for model, path in zip(snakemake.params.models, snakemake.input.scores, strict=True):
    for swap in read_json(path):
        place = {key: swap[key] for key in ("strategy", "cs", "seed")}
        rows.append({"model": model} | place | {key: swap[key] for key in SCORES})
write_table(snakemake.output.table, rows)
