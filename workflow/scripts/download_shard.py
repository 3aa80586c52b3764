"""Downloads one shard of a corpus: the images of some rows of a list of URLs, and their ledger."""

from lib.download import DownloadSettings, download_shard, read_links
from lib.fetch import Limits
from lib.lists import read_row_keys
from lib.progress import start_log

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
keys = read_row_keys(source.key_list, params.key_limit) if source.key_list else None
links = read_links(source.urls, params.first, params.rows)
settings = DownloadSettings(Limits(**params.limits), **params.images, threads=snakemake.threads)
download_shard(links, output.shard, output.ledger, settings, keys)
