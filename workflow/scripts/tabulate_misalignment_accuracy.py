"""Makes misalignment_accuracy.csv: accuracy and silhouette of every head on every dataset."""

import itertools

from lib.json_files import read_json
from lib.progress import start_log
from lib.tables import describe_head, write_table

MEASURED = ("accuracy", "silhouette", "acc5", "mean_per_class_recall", "n_classes")

start_log(snakemake.log[0])
params = snakemake.params
names = itertools.product(params.models, params.heads, params.datasets)
rows = []
for (model, condition, dataset), path in zip(names, snakemake.input.metrics, strict=True):
    for label, metrics in read_json(path).items():
        measured = {key: metrics[key] for key in MEASURED}
        head = describe_head(condition, label)
        rows.append({"model": model} | head | {"dataset": dataset} | measured)
write_table(snakemake.output.table, rows)
