"""Makes the original study's own files of experiment 1, one for each model and dataset."""

from lib.progress import start_log
from lib.tables import read_table, write_table

start_log(snakemake.log[0])
rows = {(row["model"], row["dataset"]): row for row in read_table(snakemake.input.table)}
for pair, path in zip(snakemake.params.pairs, snakemake.output.tables, strict=True):
    row = rows[tuple(pair)]
    write_table(path, [{"Accuracy": row["accuracy"], "Silhouette Score": row["silhouette"]}])
