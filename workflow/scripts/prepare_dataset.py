"""Makes the shard, the class names and the templates of a dataset of a folder or of torchvision."""

from lib.dataset_sources import open_folder, open_torchvision, write_source
from lib.datasets import read_lines, write_prompts
from lib.progress import start_log
from lib.templates import choose_templates

start_log(snakemake.log[0])
dataset, entry, output = snakemake.params.dataset, snakemake.params.entry, snakemake.output
if entry is None:
    source = open_folder(dataset["path"])
else:
    source = open_torchvision(entry, dataset["root"], dataset["download"])
classes = source.classes
if "classnames" in dataset:
    classes = read_lines(dataset["classnames"])
templates = dataset.get("templates", entry["templates"] if entry else "photo")
write_prompts(output.names, output.templates, classes, choose_templates(templates))
write_source(source, output.archive)
