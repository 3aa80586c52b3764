"""Makes download.csv: what came of all URLs. Too few successes are an error."""

from lib.download import check_success, summarise
from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
summary = summarise(snakemake.input.ledgers)
check_success(summary, snakemake.params.min_success)
write_table(snakemake.output.table, summary)
