"""Makes the figure of the pretrained models side by side, of clip_vs_laclip.csv."""

from lib.figure_comparison import draw_comparison
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
figure = draw_comparison(*map(read_frame, snakemake.input))
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
