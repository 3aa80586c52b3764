"""Makes the figure of linear probes, nearest neighbours and retrieval against Cs."""

from lib.figure_downstream import draw_downstream
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
figure = draw_downstream(read_frame(snakemake.input.table))
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
