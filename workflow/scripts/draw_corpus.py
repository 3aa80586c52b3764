"""Draws the embedded corpus: its shards and its caption table."""

from lib.glyphs import draw_corpus, parse_settings
from lib.progress import start_log

start_log(snakemake.log[0])
settings = parse_settings(snakemake.params.settings)
draw_corpus(settings, snakemake.output.shards, snakemake.output.captions)
