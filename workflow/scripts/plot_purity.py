"""Makes the figure of mean |cos| against Cs of misalignment.csv."""

from lib.figure_purity import draw_purity
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
figure = draw_purity(read_frame(snakemake.input.table))
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
