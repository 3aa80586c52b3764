"""Makes pretraining_seeds.csv: accuracy and silhouette of every pretraining of the models."""

from lib.json_files import read_json
from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
rows = []
for place, path in zip(snakemake.params.places, snakemake.input.metrics, strict=True):
    metrics = read_json(path)["pretrained"]
    chosen = {name: metrics[name] for name in ("accuracy", "silhouette", "n_images")}
    rows.append(dict(zip(("model", "seed", "dataset"), place, strict=True)) | chosen)
write_table(snakemake.output.table, rows)
