"""Makes the gallery: pairs of the corpus with raw, rewritten and swapped captions."""

import itertools

import numpy as np

from lib.corpus import check_order, iterate_images, read_captions
from lib.figure_gallery import Scene, choose_rows, draw_gallery
from lib.figures import save_figure
from lib.progress import start_log

ENOUGH = 1000  # pairs to choose from

start_log(snakemake.log[0])
table = read_captions(snakemake.input.captions)
permutation = np.load(snakemake.input.permutation)
pairs = list(itertools.islice(iterate_images(snakemake.input.shards), ENOUGH))
check_order(table.keys[: len(pairs)], [key for key, _ in pairs], "the first shard")
swapped = [table.captions[row] for row in permutation[: len(pairs)]]
changed = np.array([a != b for a, b in zip(swapped, table.captions, strict=False)])
scenes = [
    Scene(
        pairs[row][1],
        table.captions[row],
        table.rewrites[0][row] if table.rewrites else None,
        swapped[row],
    )
    for row in choose_rows(changed)
]
save_figure(draw_gallery(scenes), snakemake.output.png, snakemake.output.pdf)
