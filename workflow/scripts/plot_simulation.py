"""Makes the figure of purity, accuracy and silhouette against p of simulation.csv."""

import numpy as np

from lib.figure_simulation import draw_simulation
from lib.figures import save_figure
from lib.frames import read_frame
from lib.progress import start_log

start_log(snakemake.log[0])
with np.load(snakemake.input.purities) as arrays:
    purities = dict(arrays)
figure = draw_simulation(
    read_frame(snakemake.input.table), purities, snakemake.params.p, snakemake.params.concepts
)
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
