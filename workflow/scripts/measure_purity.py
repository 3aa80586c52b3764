"""Makes misalignment.csv and sensitivity.csv: the purity of both projections of every head."""

import itertools

from lib.heads import read_heads
from lib.json_files import read_json
from lib.progress import start_log
from lib.purity import measure_head
from lib.tables import describe_head, write_table


def read_effective_cs(paths) -> dict:
    """Effective Cs by (strategy, nominal Cs, seed)."""
    swaps = map(read_json, paths)
    return {(swap["strategy"], swap["cs"], swap["seed"]): swap["effective_cs"] for swap in swaps}


start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
effective = read_effective_cs(source.swaps)

rows = []
names = itertools.product(params.models, ["pretrained", *params.conditions])
for (model, condition), path in zip(names, source.heads, strict=True):
    for label, head in read_heads(path).items():
        strategy, cs, seed = describe_head(condition, label).values()
        is_swapped = strategy not in ("pretrained", "none")
        effective_cs = effective[strategy, cs, seed] if is_swapped else cs
        place = {"model": model, "strategy": strategy, "cs": cs, "effective_cs": effective_cs}
        rows += [place | {"seed": seed} | measures for measures in measure_head(head)]
write_table(snakemake.output.table, rows)

columns = ("model", "strategy", "cs", "seed", "projection", "avg_abs_cos_sim")
main = {"recipe": "main"} | params.recipes["main"]
varied = [main | {key: row[key] for key in columns} for row in rows if row["seed"] is not None]
for (model, condition), path in zip(
    itertools.product(params.models, params.conditions), source.sensitivity, strict=True
):
    for label, head in read_heads(path).items():
        recipe, _, seed = label.partition("/")
        about = (
            {"recipe": recipe}
            | params.recipes[recipe]
            | {"model": model}
            | describe_head(condition, seed)
        )
        varied += [
            about | {key: measures[key] for key in ("projection", "avg_abs_cos_sim")}
            for measures in measure_head(head)
        ]
write_table(snakemake.output.sensitivity, varied)
