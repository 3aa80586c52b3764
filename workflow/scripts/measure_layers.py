"""Makes layers.csv: mean |cos| of the output matrices of every block, and of the projections."""

from lib.heads import read_heads
from lib.layers import read_layers
from lib.progress import start_log
from lib.purity import measure, measure_head
from lib.tables import write_table

start_log(snakemake.log[0])
source = snakemake.input
rows = []
for model, weights, path in zip(snakemake.params.models, source.weights, source.heads, strict=True):
    for layer, matrix in read_layers(weights):
        place = {"tower": layer.tower, "block": layer.block, "kind": layer.kind}
        rows.append({"model": model} | place | measure(matrix))
    for measures in measure_head(read_heads(path)["pretrained"]):
        place = {"tower": measures.pop("projection"), "block": None, "kind": "projection"}
        rows.append({"model": model} | place | measures)
write_table(snakemake.output.table, rows)
