"""Makes the caption table of downloaded shards."""

from lib.corpus import write_captions
from lib.download import read_downloaded
from lib.progress import start_log

start_log(snakemake.log[0])
table = read_downloaded(snakemake.input.shards, snakemake.params.validation_from)
write_captions(snakemake.output.captions, table)
