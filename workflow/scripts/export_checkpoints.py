"""Makes whole checkpoints of fine-tunes: the pretrained weights with the new heads.

Of each seed those of the last epoch and of the best, under the names of where the model comes from.
"""

from lib.exports import write_checkpoint
from lib.heads import read_heads
from lib.progress import Progress, start_log
from lib.training_log import find_best_epoch, read_histories
from lib.weights import read_weights

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
weights = read_weights(source.weights)
heads = read_heads(source.epochs)
progress = Progress("checkpoints", 2 * len(params.seeds), "files")
histories = read_histories(source.histories)
for seed, *paths in zip(params.seeds, output.last, output.best, strict=True):
    history = histories[seed]
    for epoch, path in zip((len(history) - 1, find_best_epoch(history)), paths, strict=True):
        head = heads[f"{seed}/{epoch + 1}"]
        write_checkpoint(path, weights, head, epoch, params.layout)
        progress.advance(1)
