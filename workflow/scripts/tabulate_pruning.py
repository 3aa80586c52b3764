"""Makes pruning.csv of the pruning tables of all models and datasets."""

from lib.progress import start_log
from lib.tables import read_table, write_table

start_log(snakemake.log[0])
write_table(snakemake.output.table, (row for path in snakemake.input for row in read_table(path)))
