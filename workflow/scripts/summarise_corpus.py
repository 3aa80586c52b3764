"""Makes corpus.csv, what came of all rows, and dropped.csv. Too few successes are an error."""

from lib.ledger import check_success, read_ledgers, summarise, write_dropped
from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
ledger = read_ledgers(snakemake.input.ledgers)
summary = summarise(ledger)
check_success(summary, snakemake.params.min_success)
write_dropped(snakemake.output.dropped, ledger)
write_table(snakemake.output.table, summary)
