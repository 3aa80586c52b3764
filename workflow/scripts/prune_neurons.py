"""Makes the pruning table of a pretrained head on one dataset, and what random orders keep."""

import zlib

from lib.feature_store import read_dataset_features
from lib.heads import read_heads
from lib.progress import start_log
from lib.pruning import prune
from lib.pruning_orders import measure_orders, write_order_means
from lib.purity import neuron_scores
from lib.tables import write_table
from lib.zeroshot import class_embeddings, embed

start_log(snakemake.log[0])
names = {"model": snakemake.wildcards.model, "dataset": snakemake.wildcards.dataset}
dataset = read_dataset_features(snakemake.input.features)
head = read_heads(snakemake.input.heads)["pretrained"]
subject = {
    "image_embeddings": embed(dataset.images, head.image_projection),
    "labels": dataset.labels,
    "classes": class_embeddings(dataset.texts, head.text_projection),
    "scores": neuron_scores(head),
    # Random orders are those of a model, as the order by purity is: a mean over models could not be
    # held against random ones that are alike in all. They are told apart by their draw.
    "seed": zlib.crc32(names["model"].encode()),
}
params = snakemake.params
rows = prune(**subject, keep=params.keep, draws=params.draws)
write_table(snakemake.output.table, [names | row for row in rows])
means = measure_orders(**subject, keep=params.keep, **params.orders)
write_order_means(snakemake.output.orders, means)
