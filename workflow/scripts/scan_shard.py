"""Reads one shard that is there already, and makes its ledger."""

from lib.lists import read_keys
from lib.progress import start_log
from lib.scan import scan_shard

start_log(snakemake.log[0])
source = snakemake.input
keys = read_keys(source.key_list) if source.key_list else None
scan_shard(source.shard, snakemake.output.ledger, keys)
