"""Makes clip_vs_laclip.csv: zero-shot accuracy with its interval, and silhouette, by model."""

import itertools
import json
from pathlib import Path

from lib.progress import start_log
from lib.statistics import wilson_interval
from lib.tables import write_table

start_log(snakemake.log[0])
pairs = itertools.product(snakemake.params.models, snakemake.params.datasets)
rows = []
for (model, dataset), path in zip(pairs, snakemake.input.metrics, strict=True):
    metrics = json.loads(Path(path).read_text())["pretrained"]
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
            "published_accuracy": None if published[0] is None else published[0] / 100,
            "published_silhouette": published[1],
        }
    )
write_table(snakemake.output.table, rows)
