"""Makes pretraining_seeds.csv: accuracy and silhouette of every pretraining of the models."""

import json
from pathlib import Path

from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
rows = []
for places, paths in ((params.firsts, source.firsts), (params.places, source.metrics)):
    for (model, seed, dataset), path in zip(places, paths, strict=True):
        metrics = json.loads(Path(path).read_text())["pretrained"]
        chosen = {name: metrics[name] for name in ("accuracy", "silhouette", "n_images")}
        rows.append({"model": model, "seed": seed, "dataset": dataset} | chosen)
write_table(snakemake.output.table, rows)
