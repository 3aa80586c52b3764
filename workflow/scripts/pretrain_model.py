"""Makes a model's weights and its pretrained head of the shards and captions of a corpus."""

from lib.architectures import write_architecture
from lib.distributed import start_processes
from lib.heads import write_heads
from lib.json_files import write_json
from lib.models import complete_architecture, save_model, split_head
from lib.pretrain import PretrainSettings, load_pairs, pretrain
from lib.progress import start_log
from lib.provenance import describe_origin
from lib.resume import hold_states

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
device, group = start_processes(snakemake.resources.processes, params.device)
states = hold_states(params.states, group)
settings = PretrainSettings(
    **params.model["pretrain"],
    captions=tuple(params.model["captions"]),
    seed=params.model["seed"],
)
train, validation = load_pairs(
    source.shards, source.captions, params.architecture, settings.captions
)
model, history = pretrain(
    params.architecture, train, validation, settings, device, states, params.code, group
)
group.dismiss_others()
architecture = complete_architecture(params.architecture)
metadata = describe_origin(params.code, architecture=architecture)
write_architecture(output.architecture, architecture)
write_json(output.history, history)
save_model(output.weights, model, metadata)
write_heads(output.head, {"pretrained": split_head(model)[1]}, metadata)
states.clear()  # only now is the last one no longer needed
