"""Makes the lists of most similar captions (TF-IDF, cosine) of a corpus's training captions."""

from lib.corpus import read_captions
from lib.neighbours import find_neighbours, write_neighbours
from lib.progress import start_log

start_log(snakemake.log[0])
table = read_captions(snakemake.input.captions)
captions = [table.captions[row] for row in table.rows("train")]
neighbours = find_neighbours(
    captions,
    snakemake.params.n_neighbours,
    dict(snakemake.params.tfidf),
    n_threads=snakemake.threads,
    context_length=snakemake.params.context_length,
)
write_neighbours(snakemake.output.neighbours, neighbours)
