"""Makes captions.csv: what was swapped, and how similar the swapped captions are."""

from lib.json_files import read_json
from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
write_table(snakemake.output.table, map(read_json, snakemake.input))
