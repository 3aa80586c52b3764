"""Makes ranking.csv of simulation.csv: how well mean |cos| ranks true purity."""

from lib.frames import read_frame
from lib.progress import start_log
from lib.ranking import rank_runs
from lib.tables import write_table

start_log(snakemake.log[0])
write_table(snakemake.output.table, rank_runs(read_frame(snakemake.input.table)))
