"""Makes zero-shot metrics and per-image outcomes of all heads in a file, dataset by dataset."""

import numpy as np

from lib.evaluation import evaluate
from lib.feature_store import read_dataset_features
from lib.files import atomic_path
from lib.heads import read_heads
from lib.json_files import write_json
from lib.progress import Progress, start_log

start_log(snakemake.log[0])
heads = read_heads(snakemake.input.heads)
files = (snakemake.input.features, snakemake.output.metrics, snakemake.output.per_image)
progress = Progress("evaluations", len(snakemake.input.features), "datasets")
for features, metrics, per_image in zip(*files, strict=True):
    dataset = read_dataset_features(features)
    results = {
        label: evaluate(dataset.images, dataset.labels, dataset.texts, head)
        for label, head in heads.items()
    }
    outcomes = {
        name: np.stack([result.pop(name) for result in results.values()])
        for name in ("correct", "silhouette_pseudo_values")
    }
    write_json(metrics, results)
    with atomic_path(per_image) as temporary:
        np.savez(temporary, labels=list(heads), **outcomes)
    progress.advance(1)
