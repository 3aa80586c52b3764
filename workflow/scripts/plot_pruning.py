"""Makes the figure of one dataset's pruning sweeps, beside chance and the control."""

from lib.figure_pruning import draw_pruning
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
# the last table is there only where the study has fine-tuned
pruning, comparison, *control = (
    table[table["dataset"] == snakemake.wildcards.dataset]
    for table in map(read_frame, snakemake.input)
)
figure = draw_pruning(pruning, comparison["n_classes"].iloc[0], *control)
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
