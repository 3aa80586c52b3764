"""Makes a checkpoint of a URL, or of one of open_clip's tags."""

from lib.progress import start_log
from lib.released import fetch

start_log(snakemake.log[0])
fetch(snakemake.params.source, snakemake.output.checkpoint)
