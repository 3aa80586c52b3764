"""Makes resources.csv: what the jobs of each rule took, of Snakemake's benchmarks of them."""

from lib.progress import start_log
from lib.resources import Asked, summarise_resources
from lib.tables import write_table

start_log(snakemake.log[0])
params = snakemake.params
asked = {rule: Asked(*amounts) for rule, amounts in params.asked.items()}
write_table(snakemake.output.table, summarise_resources(params.benchmarks, asked))
