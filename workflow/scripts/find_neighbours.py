"""Makes the lists of most similar captions (TF-IDF, cosine) of a corpus's training captions."""

from lib.captions import find_neighbours, save_neighbours
from lib.corpus import read_captions
from lib.progress import start_log
from lib.token_words import token_words

start_log(snakemake.log[0])
table = read_captions(snakemake.input.captions)
captions = [table.captions[row] for row in table.rows("train")]
neighbours = find_neighbours(
    captions,
    snakemake.params.n_neighbours,
    dict(snakemake.params.tfidf),
    [token_words(caption, snakemake.params.context_length) for caption in captions],
    n_threads=snakemake.threads,
)
save_neighbours(snakemake.output.neighbours, neighbours)
