"""Makes simulation.csv and the purities of all neurons: encoders on pairs of known making."""

import numpy as np
import torch

from lib.files import atomic_path
from lib.progress import start_log
from lib.simulation import RemedySettings, simulate
from lib.sparse_pairs import PairSettings
from lib.tables import write_table
from lib.twin_encoders import TrainingSettings

start_log(snakemake.log[0])
torch.set_num_threads(snakemake.threads)
settings = snakemake.params.simulation
rows, purities = simulate(
    PairSettings(**settings["pairs"]),
    TrainingSettings(**settings["training"]),
    RemedySettings(**settings["remedy"]),
    settings["p"],
    settings["seeds"],
)
write_table(snakemake.output.table, rows)
with atomic_path(snakemake.output.purities) as temporary:
    np.savez(temporary, **purities)
