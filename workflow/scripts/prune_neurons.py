"""Makes the pruning table of a pretrained head on one dataset, and what random orders keep."""

from lib.feature_store import read_dataset_features
from lib.heads import read_heads
from lib.progress import start_log
from lib.pruning import prune
from lib.pruning_orders import measure_orders, write_order_means
from lib.purity import neuron_scores
from lib.tables import write_table
from lib.zeroshot import class_embeddings, embed

ORDER_SEED = 0  # random orders are told apart by their draw, not by the seeds of fine-tunes

start_log(snakemake.log[0])
dataset = read_dataset_features(snakemake.input.features)
head = read_heads(snakemake.input.heads)["pretrained"]
subject = {
    "image_embeddings": embed(dataset.images, head.image_projection),
    "labels": dataset.labels,
    "classes": class_embeddings(dataset.texts, head.text_projection),
    "scores": neuron_scores(head),
    "seed": ORDER_SEED,
}
params = snakemake.params
names = {"model": snakemake.wildcards.model, "dataset": snakemake.wildcards.dataset}
rows = prune(**subject, keep=params.keep, draws=params.draws)
write_table(snakemake.output.table, [names | row for row in rows])
means = measure_orders(**subject, keep=params.keep, **params.orders)
write_order_means(snakemake.output.orders, means)
