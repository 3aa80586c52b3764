"""Makes zero-shot accuracy and silhouette, on every dataset, of heads fine-tuned after remedies."""

from lib.evaluation import evaluate
from lib.feature_store import read_dataset_features
from lib.heads import read_heads
from lib.json_files import write_json
from lib.progress import start_log

start_log(snakemake.log[0])
heads = read_heads(snakemake.input.heads)
metrics = []
for name, path in zip(snakemake.params.datasets, snakemake.input.features, strict=True):
    dataset = read_dataset_features(path)
    for label, head in heads.items():
        measured = evaluate(dataset.images, dataset.labels, dataset.texts, head)
        chosen = {key: measured[key] for key in ("accuracy", "silhouette")}
        metrics.append({"head": label, "dataset": name} | chosen)
write_json(snakemake.output.metrics, metrics)
