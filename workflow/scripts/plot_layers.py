"""Makes the figure of purity through the depth of the towers, of layers.csv."""

from lib.figure_layers import draw_layers
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
figure = draw_layers(read_frame(snakemake.input.table))
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
