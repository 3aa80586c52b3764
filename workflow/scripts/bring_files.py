"""Says which files a user must bring, where no check before the first job has said so."""

from lib.progress import start_log

start_log(snakemake.log[0])
raise FileNotFoundError(f"to be brought (docs/data.md): {snakemake.params.files}")
