"""Makes the figure of mean |cos| against Cs under several recipes, of sensitivity.csv."""

from lib.figure_sensitivity import draw_sensitivity
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
source = snakemake.input
figure = draw_sensitivity(read_frame(source.table), read_frame(source.misalignment))
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
