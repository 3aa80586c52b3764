"""Makes the figure of true purity against mean |cos| of simulation.csv."""

from lib.figure_ranking import draw_ranking
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
figure = draw_ranking(read_frame(snakemake.input.table), read_frame(snakemake.input.ranking))
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
