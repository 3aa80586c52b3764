"""Makes what the page tells of neurons: their purity in every head, and the images that excite
each most and least, of every test dataset and, where captions are swapped, of held-out pairs."""

import itertools

import numpy as np

from lib.corpus import iterate_images, read_captions
from lib.datasets import choose_rows, iterate_rows, read_labels
from lib.feature_store import gather_rows, open_features, read_dataset_features
from lib.heads import read_heads
from lib.json_files import write_json
from lib.neurons import describe_purity, describe_ranked, number_tiles, rank_heads
from lib.progress import start_log
from lib.thumbnails import COLUMNS, write_sheet

start_log(snakemake.log[0])
source, params, sheets = snakemake.input, snakemake.params, snakemake.output.sheets
models, (neurons, count, size, most) = params.models, params.limits
paths = dict(zip(itertools.product(models, params.heads), source.heads, strict=True))
heads = {model: {name: read_heads(paths[model, name]) for name in params.heads} for model in models}
purity = {model: describe_purity(named, neurons) for model, named in heads.items()}
chosen = {model: each["neurons"] for model, each in purity.items()}
paths = dict(zip(itertools.product(params.archives, models), source.features, strict=True))
sources = []

for dataset, sheet in zip(params.archives, sheets, strict=False):  # the last may be of pairs
    archives = params.archives[dataset]
    features = {model: read_dataset_features(paths[dataset, model]) for model in models}
    images = {model: each.images for model, each in features.items()}
    ranked = rank_heads(images, heads, chosen, count, params.seed)
    rows, first = number_tiles(ranked), features[models[0]]
    places = rows
    if len(first.labels) == most:  # else features are of all images there are
        places = choose_rows(read_labels(archives, len(first.classes)), most)[rows]
    write_sheet(sheet, iterate_rows(archives, places), size)
    about = {"name": dataset, "classes": first.classes, "labels": first.labels[rows].tolist()}
    sources.append(about | {"images": describe_ranked(ranked, rows)})

if source.captions:
    table = read_captions(source.captions[0])
    held_out = np.flatnonzero(np.array(table.splits) == "validation")[:most]
    chunks = np.array(source.images).reshape(len(models), -1)
    features = {}
    for model, images, texts in zip(models, chunks, source.texts, strict=True):
        opened, _ = open_features(images, texts, table.shards, params.shards_per_job)
        features[model] = gather_rows([chunk[0] for chunk in opened], held_out)
    ranked = rank_heads(features, heads, chosen, count, params.seed)
    rows = number_tiles(ranked)
    pairs = held_out[rows]
    shards = [source.shards[shard] for shard in np.unique(np.array(table.shards)[pairs])]
    images = iterate_images(shards, [table.keys[pair] for pair in pairs])
    write_sheet(sheets[-1], (image for _, image in images), size)
    about = {"name": None, "captions": [table.captions[pair] for pair in pairs]}
    sources.append(about | {"images": describe_ranked(ranked, rows)})

described = {"thumbnail": size, "columns": COLUMNS, "models": purity, "sources": sources}
write_json(snakemake.output.neurons, described, indent=None)
