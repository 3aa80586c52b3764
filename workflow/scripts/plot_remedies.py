"""Makes the figures of what remedies restore, one a model, of the tables with and without them."""

from lib.figure_remedies import draw_remedies
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
output = snakemake.output
tables = {name: read_frame(path) for name, path in snakemake.input.items()}
for model, png, pdf in zip(snakemake.params.models, output.png, output.pdf, strict=True):
    of_model = {name: table[table["model"] == model] for name, table in tables.items()}
    save_figure(draw_remedies(**of_model), png, pdf)
