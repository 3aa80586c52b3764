"""Makes remedies.csv (what remedies did, and purity after them) and remedies_accuracy.csv."""

import itertools

from lib.heads import read_heads
from lib.json_files import read_json
from lib.progress import start_log
from lib.purity import measure_head
from lib.tables import describe_head, write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
purity, accuracy = [], []
names = itertools.product(params.models, params.conditions)
files = zip(names, source.heads, source.effects, source.metrics, strict=True)
for (model, condition), head_path, effect_path, metric_path in files:
    heads = read_heads(head_path)
    for effect in read_json(effect_path):
        remedy = effect.pop("remedy")
        place = {"model": model} | describe_head(condition, effect.pop("seed"))
        place |= {"remedy": remedy} | effect
        purity += [place | row for row in measure_head(heads[f"{remedy}/{place['seed']}"])]
    for row in read_json(metric_path):
        remedy, _, seed = row.pop("head").partition("/")
        accuracy.append(
            {"model": model} | describe_head(condition, seed) | {"remedy": remedy} | row
        )
write_table(snakemake.output.purity, purity)
write_table(snakemake.output.accuracy, accuracy)
