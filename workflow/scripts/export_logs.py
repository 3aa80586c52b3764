"""Makes the original's log.txt of every fine-tune, of the records of all seeds of each head."""

from lib.progress import start_log
from lib.training_log import read_histories, write_log

start_log(snakemake.log[0])
histories = [read_histories(path) for path in snakemake.input.histories]
records = [history[seed] for history in histories for seed in snakemake.params.seeds]
for record, path in zip(records, snakemake.output.logs, strict=True):
    write_log(path, record)
