"""Makes a model's weights, architecture and pretrained head of a checkpoint."""

from lib.architectures import write_architecture
from lib.checkpoints import check_sha256
from lib.heads import write_heads
from lib.model_import import import_model
from lib.models import complete_architecture, save_model, split_head
from lib.progress import start_log
from lib.provenance import describe_origin
from lib.released import apply_tag

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
architecture = params.architecture
if "pretrained" in params.model:
    architecture = apply_tag(architecture, params.model["architecture"], params.model["pretrained"])
architecture = complete_architecture(architecture)
digest = check_sha256(source.checkpoint, params.model.get("sha256"))
model = import_model(source.checkpoint, architecture, params.layout)
metadata = describe_origin(params.code, architecture=architecture, checkpoint=digest)
write_architecture(output.architecture, architecture)
save_model(output.weights, model, metadata)
write_heads(output.head, {"pretrained": split_head(model)[1]}, metadata)
