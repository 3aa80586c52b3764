"""Makes the scores of a model's image-text cosine as a detector of swapped pairs, a swap each."""

import numpy as np

from lib.corpus import read_captions
from lib.detection import score_detector
from lib.feature_store import open_features
from lib.heads import read_heads
from lib.json_files import write_json
from lib.progress import start_log
from lib.zeroshot import embed, embed_chunks, pair_cosines

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
head = read_heads(source.head)["pretrained"]
table = read_captions(source.captions)
captions, train = np.array(table.captions, dtype=object), table.rows("train")
images, texts = open_features(source.images, source.texts, table.shards, params.shards_per_job)
image_embeddings = embed_chunks(images, head.image_projection)
text_embeddings = embed(texts, head.text_projection)

scores = []
for swap, path in zip(params.swaps, source.permutations, strict=True):
    shown = np.load(path)[train]
    cosines = pair_cosines(image_embeddings[train], text_embeddings, shown)
    is_swapped = captions[shown] != captions[train]
    scores.append(swap | score_detector(cosines, is_swapped, swap["seed"]))
write_json(snakemake.output.scores, scores)
