"""Makes the figures of purity along fine-tuning, one a model, of training.csv."""

from lib.figure_training import draw_training
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
output = snakemake.output
table = read_frame(snakemake.input.table)
for model, png, pdf in zip(snakemake.params.models, output.png, output.pdf, strict=True):
    save_figure(draw_training(table[table["model"] == model]), png, pdf)
