"""Makes the figures of the pruning sweeps, one a dataset, beside chance and the control."""

from lib.figure_pruning import draw_pruning
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
output = snakemake.output
tables = [read_frame(path) for path in snakemake.input]
for dataset, png, pdf in zip(snakemake.params.datasets, output.png, output.pdf, strict=True):
    # the last table is there only where the study has fine-tuned
    pruning, comparison, *control = (table[table["dataset"] == dataset] for table in tables)
    save_figure(draw_pruning(pruning, comparison["n_classes"].iloc[0], *control), png, pdf)
