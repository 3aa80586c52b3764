"""Makes the figure of accuracy and silhouette against Cs of misalignment_accuracy.csv."""

from lib.figure_accuracy import draw_accuracy
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
figure = draw_accuracy(read_frame(snakemake.input.table))
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
