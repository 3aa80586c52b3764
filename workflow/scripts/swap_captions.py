"""Makes the permutations of a corpus's captions of one strategy and Cs, one for each seed.

Each comes with its summary, and with the captions that it gives. Training captions are swapped;
validation pairs keep theirs.
"""

from lib.corpus import read_captions
from lib.feature_store import write_array
from lib.json_files import write_json
from lib.neighbours import read_neighbours
from lib.progress import start_log
from lib.swaps import (
    check_reached,
    extend_permutation,
    summarise_swap,
    swap,
    write_caption_lines,
)

start_log(snakemake.log[0])
params, output = snakemake.params, snakemake.output
table = read_captions(snakemake.input.captions)
neighbours = read_neighbours(snakemake.input.neighbours)
for seed, permutation_path, summary_path, text_path in zip(
    params.seeds, output.permutations, output.summaries, output.texts, strict=True
):
    swapped = swap(neighbours, params.cs, params.strategy, seed, params.top_k)
    check_reached(swapped)
    permutation = extend_permutation(swapped.permutation, table.rows("train"), len(table.keys))
    write_caption_lines(text_path, [table.captions[row] for row in permutation])
    write_json(summary_path, summarise_swap(swapped))
    write_array(permutation_path, permutation)
