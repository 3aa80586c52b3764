"""Gathers one shard of a corpus: the images of some rows of a table, and their ledger."""

from lib.gather import gather_shard, read_entries
from lib.lists import read_row_keys
from lib.progress import start_log

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
keys = read_row_keys(source.key_list, params.key_limit) if source.key_list else None
entries = read_entries(source.table, *params.columns, params.first, params.rows)
gather_shard(entries, source.root, output.shard, output.ledger, **params.images, keys=keys)
