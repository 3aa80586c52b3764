"""Makes the zero-shot, nearest-neighbour, linear-probe and retrieval scores of a model's heads."""

from lib.downstream import ProbeSettings, measure_classification, measure_retrieval
from lib.feature_store import read_dataset_features
from lib.heads import read_heads
from lib.held_out import read_held_out
from lib.json_files import write_json
from lib.progress import start_log
from lib.tables import describe_head

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
held_out = read_held_out(source.held_out)
heads = {
    (condition, label): head
    for condition, path in zip(params.heads, source.heads, strict=True)
    for label, head in read_heads(path).items()
}
found = {}
for dataset, path in zip(params.datasets, source.features, strict=True):
    found[dataset] = measure_classification(
        heads,
        read_dataset_features(path),
        held_out[f"train/{dataset}/images"],
        held_out[f"train/{dataset}/labels"],
        params.neighbours,
        ProbeSettings(**params.probe),
    )
if params.pairs:
    pairs = held_out["pairs/images"], held_out["pairs/texts"]
    found[params.pairs] = {key: measure_retrieval(head, *pairs) for key, head in heads.items()}
rows = [
    {"dataset": dataset} | describe_head(*key) | score._asdict()
    for dataset, by_head in found.items()
    for key, scores in by_head.items()
    for score in scores
]
write_json(snakemake.output.scores, rows)
