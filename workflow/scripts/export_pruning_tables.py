"""Makes the original study's own files of experiment 2, one for each model, dataset and metric."""

import statistics
from collections import defaultdict

from lib.progress import start_log
from lib.tables import read_table, write_table

COLUMNS = {
    "full": "Full Features",
    "high_purity": "Min Sparse Features",
    "low_purity": "Max Sparse Features",
    "random": "Random Features",
}


def gather_pruning(rows: list[dict], metric: str) -> dict:
    """For each (model, dataset) the original's rows: a number of neurons, a column a strategy."""
    values = defaultdict(list)
    for row in rows:
        key = row["model"], row["dataset"], row["strategy"], int(row["kept"])
        values[key].append(float(row[metric]))
    means = {key: statistics.fmean(draws) for key, draws in values.items()}
    full = {key[:2]: mean for key, mean in means.items() if key[2] == "full"}
    tables = defaultdict(list)
    for model, dataset, strategy, kept in sorted(means):
        if strategy == "high_purity":
            tables[model, dataset].append(
                {"sam": kept, "Model": model, COLUMNS["full"]: full[model, dataset]}
                | {
                    COLUMNS[name]: means[model, dataset, name, kept]
                    for name in ("high_purity", "low_purity", "random")
                }
            )
    return tables


start_log(snakemake.log[0])
pruning = read_table(snakemake.input.table)
for metric in ("accuracy", "silhouette"):
    tables = gather_pruning(pruning, metric)
    for pair, path in zip(snakemake.params.pairs, snakemake.output[metric], strict=True):
        write_table(path, tables[tuple(pair)])
