"""Makes the class names and the templates of a dataset whose shards are read where they lie."""

from lib.datasets import read_lines, write_prompts
from lib.progress import start_log
from lib.templates import choose_templates

start_log(snakemake.log[0])
params, output = snakemake.params, snakemake.output
classes = read_lines(params.classnames)
write_prompts(output.names, output.templates, classes, choose_templates(params.templates))
