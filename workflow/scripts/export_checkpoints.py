"""Makes whole checkpoints of fine-tunes: the pretrained weights with the new heads.

Of each seed those of the last epoch and of the best, under the names of where the model comes from.
"""

import json
from pathlib import Path

from safetensors.torch import load_file

from lib.exports import find_best_epoch, write_checkpoint
from lib.heads import read_heads
from lib.progress import Progress, start_log

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
weights = load_file(source.weights)
heads = read_heads(source.epochs)
progress = Progress("checkpoints", 2 * len(params.seeds), "files")
for seed, log, *paths in zip(params.seeds, source.logs, output.last, output.best, strict=True):
    history = [json.loads(line) for line in Path(log).read_text().splitlines()]
    for epoch, path in zip((-1, find_best_epoch(history)), paths, strict=True):
        record = history[epoch]
        head = heads[f"{seed}/{record['epoch'] + 1}"]
        write_checkpoint(path, weights, head, record, params.layout)
        progress.advance(1)
