"""Makes training.csv, the purity after each epoch of every fine-tune, and parts beside the logs."""

import itertools

from lib.heads import read_heads
from lib.progress import start_log
from lib.purity import measure_head
from lib.tables import PRETRAINED, describe_head, write_table

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
names = list(itertools.product(params.models, params.conditions))
pretrained = {
    model: measure_head(read_heads(path)["pretrained"])
    for model, path in zip(params.models, source.pretrained, strict=True)
}
rows = [
    {"model": model} | PRETRAINED | {"epoch": 0} | measures
    for model in params.models
    for measures in pretrained[model]
]
parts = iter(output.parts)
for (model, condition), path in zip(names, source.epochs, strict=True):
    by_seed = {
        seed: [{"epoch": 0} | measures for measures in pretrained[model]] for seed in params.seeds
    }
    for label, head in read_heads(path).items():
        seed, epoch = map(int, label.split("/"))
        by_seed[seed] += [{"epoch": epoch} | measures for measures in measure_head(head)]
    for seed, measured in by_seed.items():
        write_table(next(parts), measured)
        place = {"model": model} | describe_head(condition, seed)
        rows += [place | row for row in measured if row["epoch"] > 0]
write_table(output.table, rows)
