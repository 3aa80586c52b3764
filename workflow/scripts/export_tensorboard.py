"""Makes TensorBoard's event files of all pretraining and fine-tuning of the study."""

from lib.events import write_events
from lib.json_files import read_json
from lib.progress import start_log
from lib.tables import read_table
from lib.training_log import read_log


def read_losses(path):
    """Values by epoch of a fine-tune's log, whose epochs begin at 0, as those of the original."""
    for values in read_log(path):
        yield values.pop("epoch") + 1, values


def read_purity(path):
    """Values by epoch; epoch 0 is the pretrained head."""
    for row in read_table(path):
        epoch, projection = int(row.pop("epoch")), row.pop("projection")
        yield epoch, {f"{projection}/{name}": float(value) for name, value in row.items()}


start_log(snakemake.log[0])
source, output = snakemake.input, snakemake.output
for history, path in zip(source.pretraining, output.pretraining, strict=True):
    epochs = read_json(history)
    write_events(path, ((values.pop("epoch"), values) for values in epochs))
for log, purity, path in zip(source.logs, source.purity, output.finetuning, strict=True):
    write_events(path, [*read_losses(log), *read_purity(purity)])
