"""Makes the gallery: pairs of the corpus with raw, rewritten and swapped captions."""

import numpy as np

from lib.corpus import iterate_images, read_captions
from lib.figure_gallery import Scene, choose_rows, draw_gallery
from lib.figures import save_figure
from lib.progress import start_log

ENOUGH = 1000  # pairs to choose from

start_log(snakemake.log[0])
table = read_captions(snakemake.input.captions)
permutation = np.load(snakemake.input.permutation)
swapped = [table.captions[row] for row in permutation[:ENOUGH]]
changed = np.array([a != b for a, b in zip(swapped, table.captions, strict=False)])
rows = choose_rows(changed)
images = dict(iterate_images(snakemake.input.shards, [table.keys[row] for row in sorted(rows)]))
scenes = [
    Scene(
        images[table.keys[row]],
        table.captions[row],
        table.rewrites[0][row] if table.rewrites else None,
        swapped[row],
    )
    for row in rows
]
save_figure(draw_gallery(scenes), snakemake.output.png, snakemake.output.pdf)
