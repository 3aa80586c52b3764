"""Makes the figure of the cosines between one model's neurons: the first seed of each condition."""

from lib.figure_histograms import LabelledHead, draw_histograms
from lib.figures import save_figure
from lib.heads import choose_head, read_heads
from lib.progress import start_log
from lib.tables import describe_head

start_log(snakemake.log[0])
params = snakemake.params
heads = []
for condition, path in zip(params.heads, snakemake.input.heads, strict=True):
    about = describe_head(condition, params.seed)
    head = choose_head(read_heads(path), params.seed)
    heads.append(LabelledHead(about["strategy"], about["cs"], head))
save_figure(draw_histograms(heads), snakemake.output.png, snakemake.output.pdf)
