"""Makes the pruning table of a pretrained head on one dataset."""

from lib.feature_store import read_dataset_features
from lib.heads import read_heads
from lib.progress import start_log
from lib.pruning import prune
from lib.tables import write_table

ORDER_SEED = 0  # random orders are told apart by their draw, not by the seeds of fine-tunes

start_log(snakemake.log[0])
dataset = read_dataset_features(snakemake.input.features)
head = read_heads(snakemake.input.heads)["pretrained"]
params = snakemake.params
rows = prune(
    dataset.images, dataset.labels, dataset.texts, head, params.keep, params.draws, ORDER_SEED
)
names = {"model": snakemake.wildcards.model, "dataset": snakemake.wildcards.dataset}
write_table(snakemake.output.table, [names | row for row in rows])
