"""Makes the figure of the detector of swapped pairs, of its scores for every model and swap."""

from lib.figure_detection import draw_detection
from lib.figures import save_figure
from lib.json_files import read_json
from lib.progress import start_log

start_log(snakemake.log[0])
paths = zip(snakemake.params.models, snakemake.input.scores, strict=True)
scores = {model: read_json(path) for model, path in paths}
save_figure(draw_detection(scores), snakemake.output.png, snakemake.output.pdf)
