"""Makes the heads of all seeds, by the study's recipe and its variations, of cached features."""

import itertools
from functools import partial

import numpy as np

from lib.corpus import read_captions
from lib.distributed import start_processes
from lib.feature_store import open_features, read_dataset_features
from lib.files import sha256
from lib.finetune import Recipe, finetune, label_epochs, select_pairs
from lib.heads import read_heads, write_heads
from lib.progress import start_log
from lib.provenance import describe_origin, read_checkpoint_hash
from lib.resume import StateFile, hold_states, make_fingerprint
from lib.training_log import write_histories
from lib.validation import choose_score

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
device, group = start_processes(snakemake.resources.processes, params.device)
states = hold_states(params.states, group)
head = read_heads(source.head)["pretrained"]
table = read_captions(source.captions)
images, texts = open_features(source.images, source.texts, table.shards, params.shards_per_job)
dataset = read_dataset_features(source.validation[0]) if source.validation else None
digests = [params.code, device.type, *map(sha256, source)]
tune = partial(finetune, head, device=device, group=group)
select = partial(select_pairs, images, texts, table.captions)
aligned = np.arange(len(table.keys))
held_out = select(aligned, table.rows("validation"))  # never swapped
score = choose_score(held_out, dataset, device, params.context_length)
results = {}
for seed, path in itertools.zip_longest(params.seeds, source.permutations):
    train = select(np.load(path) if path else aligned, table.rows("train"))
    for name, values in params.recipes.items():
        state = StateFile(states, f"{name}_seed{seed}", make_fingerprint([digests, values, seed]))
        results[name, seed] = tune(train, score, Recipe(**values), seed, state=state)
group.dismiss_others()

main = {seed: result for (name, seed), result in results.items() if name == "main"}
variations = {f"{name}/{seed}": r.head for (name, seed), r in results.items() if name != "main"}
digest = read_checkpoint_hash(source.head)
origin = describe_origin(params.code, recipes=params.recipes, checkpoint=digest)
write_heads(output.heads, {str(seed): result.head for seed, result in main.items()}, origin)
write_heads(output.sensitivity, variations, origin)
write_heads(output.epochs, label_epochs(main), origin)
write_histories(output.histories, {seed: result.history for seed, result in main.items()})
states.clear()  # only now are they no longer needed
