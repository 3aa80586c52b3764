"""Makes the figure of one dataset's pruning sweeps, of pruning.csv."""

from lib.figure_pruning import draw_pruning
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
table = read_frame(snakemake.input.table)
figure = draw_pruning(table[table["dataset"] == snakemake.wildcards.dataset])
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
