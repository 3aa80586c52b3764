"""Makes heads fine-tuned on swapped captions after each remedy, and tells what the remedies did."""

import numpy as np

from lib.corpus import read_captions
from lib.distributed import start_processes
from lib.feature_store import open_features
from lib.files import sha256
from lib.finetune import Recipe, finetune, select_pairs
from lib.heads import read_heads, write_heads
from lib.json_files import write_json
from lib.progress import start_log
from lib.provenance import describe_origin, read_checkpoint_hash
from lib.remedy import DROPPED, Settings, apply_remedies, describe_remedy
from lib.resume import StateFile, hold_states, make_fingerprint
from lib.zeroshot import embed, embed_chunks

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
device, group = start_processes(snakemake.resources.processes, params.device)
states = hold_states(params.states, group)
head = read_heads(source.head)["pretrained"]
table = read_captions(source.captions)
captions, train = np.array(table.captions, dtype=object), table.rows("train")
images, texts = open_features(source.images, source.texts, table.shards, params.shards_per_job)
image_embeddings = embed_chunks(images, head.image_projection)
own = image_embeddings[train], embed(texts[train], head.text_projection)
place = np.full(len(captions), DROPPED)
place[train] = np.arange(len(train))  # among the training pairs, which are swapped among themselves

digests = [params.code, device.type, params.settings, params.recipe, *map(sha256, source)]
heads, effects = {}, []
for seed, path in zip(params.seeds, source.permutations, strict=True):
    permutation = np.load(path)
    shown, is_swapped = place[permutation[train]], captions[permutation[train]] != captions[train]
    remedies = apply_remedies(*own, shown, is_swapped, Settings(**params.settings), seed)
    for name, remedied in remedies.items():
        permutation[train] = np.where(remedied == DROPPED, DROPPED, train[remedied])
        pairs = select_pairs(images, texts, table.captions, permutation, train)
        fingerprint = make_fingerprint([digests, name, seed])
        state = StateFile(states, f"{name}_seed{seed}", fingerprint)
        recipe = Recipe(**params.recipe)  # the last head is the result: no epoch is chosen
        tuned = finetune(head, pairs, lambda _: 0.0, recipe, seed, device, state, group)
        heads[f"{name}/{seed}"] = tuned.head
        effects.append({"remedy": name, "seed": seed})
        effects[-1] |= describe_remedy(own[1], shown, remedied, is_swapped)
group.dismiss_others()

digest = read_checkpoint_hash(source.head)
origin = describe_origin(params.code, recipe=params.recipe, checkpoint=digest)
write_heads(output.heads, heads, origin)
write_json(output.effects, effects)
states.clear()
