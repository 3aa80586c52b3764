"""Makes downstream.csv: linear probes, nearest neighbours and retrieval of every head."""

from lib.json_files import read_json
from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
scores = zip(snakemake.params.models, snakemake.input.scores, strict=True)
rows = [{"model": model} | row for model, path in scores for row in read_json(path)]
write_table(snakemake.output.table, rows)
