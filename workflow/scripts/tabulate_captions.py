"""Makes captions.csv: what was swapped, and how similar the swapped captions are."""

import json
from pathlib import Path

from lib.progress import start_log
from lib.tables import write_table

start_log(snakemake.log[0])
write_table(
    snakemake.output.table, (json.loads(Path(path).read_text()) for path in snakemake.input)
)
