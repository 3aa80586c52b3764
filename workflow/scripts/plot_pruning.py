"""Makes the figures of the pruning sweeps, one a dataset, of pruning.csv."""

from lib.figure_pruning import draw_pruning
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
table = read_frame(snakemake.input.table)
output = snakemake.output
for dataset, png, pdf in zip(snakemake.params.datasets, output.png, output.pdf, strict=True):
    save_figure(draw_pruning(table[table["dataset"] == dataset]), png, pdf)
