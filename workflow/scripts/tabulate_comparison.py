"""Makes clip_vs_laclip.csv: zero-shot accuracy and silhouette with their intervals, by model."""

import itertools

import numpy as np

from lib.json_files import read_json
from lib.progress import start_log
from lib.statistics import mean_interval, wilson_interval
from lib.tables import write_table

start_log(snakemake.log[0])
pairs = itertools.product(snakemake.params.models, snakemake.params.datasets)
files = zip(snakemake.input.metrics, snakemake.input.per_image, strict=True)
rows = []
for (model, dataset), (metrics_file, per_image) in zip(pairs, files, strict=True):
    metrics = read_json(metrics_file)["pretrained"]
    with np.load(per_image) as outcomes:
        silhouette = mean_interval(outcomes["silhouette_pseudo_values"][0])
    count = metrics["n_images"]
    published = snakemake.params.published[model].get(dataset, [None, None])
    interval = wilson_interval(round(metrics["accuracy"] * count), count)
    rows.append(
        {
            "model": model,
            "dataset": dataset,
            "accuracy": metrics["accuracy"],
            "accuracy_low": interval.low,
            "accuracy_high": interval.high,
            "silhouette": metrics["silhouette"],
            "n_images": count,
            "n_classes": metrics["n_classes"],
            "acc5": metrics["acc5"],
            "mean_per_class_recall": metrics["mean_per_class_recall"],
            "silhouette_low": silhouette.low,
            "silhouette_high": silhouette.high,
            "published_accuracy": None if published[0] is None else published[0] / 100,
            "published_silhouette": published[1],
        }
    )
write_table(snakemake.output.table, rows)
