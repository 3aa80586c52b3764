"""Makes provenance.json: versions, configuration, hashes of code, inputs and tables."""

from lib.files import sha256
from lib.json_files import write_json
from lib.progress import start_log
from lib.provenance import merge_versions, read_origin

start_log(snakemake.log[0])
source = snakemake.input
origins = {path: read_origin(path) for path in source.weights}
manifest = {
    "versions": merge_versions(origins.values()),
    "config": snakemake.params.config,
    "code": snakemake.params.code_hashes,
    "checkpoints": {path: origin.get("checkpoint") for path, origin in origins.items()},
    "inputs": {
        path: sha256(path) for path in [*source.captions, *source.weights, *source.projections]
    },
    "tables": {path: sha256(path) for path in source.tables},
}
write_json(snakemake.output.manifest, manifest)
