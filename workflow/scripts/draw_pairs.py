"""Draws the held-out pairs that retrieval is measured on: their shard and their caption table."""

from lib.glyphs import CorpusSettings, Noise, draw_corpus
from lib.progress import start_log

start_log(snakemake.log[0])
params, output = snakemake.params.settings, snakemake.output
settings = CorpusSettings(
    pairs=0,
    validation_pairs=params["pairs"],
    pairs_per_shard=params["pairs"],
    seed=params["seed"],
    noise=Noise(**params["noise"]),
)
draw_corpus(settings, [output.shard], output.captions)
