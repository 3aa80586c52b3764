"""Draws one downstream dataset: its shard, its class names and its prompt templates."""

from lib.glyphs import DatasetSettings, draw_dataset
from lib.progress import start_log

start_log(snakemake.log[0])
params, output = snakemake.params, snakemake.output
settings = DatasetSettings(params.task, params.images, params.seed, params.training)
draw_dataset(settings, output.archive, output.names, output.templates)
