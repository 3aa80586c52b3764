"""Makes the image features of a chunk of a corpus, of a model's weights and the chunk's shards."""

from lib.architectures import read_architecture
from lib.corpus import read_shard_keys
from lib.devices import select_device
from lib.feature_store import write_origin
from lib.features import extract_views
from lib.ledger import count_pairs
from lib.models import get_crop, get_transform
from lib.precision import count_decoders, load_towers
from lib.progress import start_log
from lib.provenance import describe_origin, read_checkpoint_hash

CROP_SEED = 0  # the crops are the same for every seed of the fine-tunes: features are shared

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
device = select_device(params.device)
shards = range(params.first_shard, params.first_shard + len(source.shards))
keys = read_shard_keys(source.captions, shards)
architecture = read_architecture(source.architecture)
towers = load_towers(source.weights, architecture, params.precision, device)
extract_views(
    output.images,
    towers,
    source.shards,
    keys,
    get_transform(architecture),
    params.views,
    CROP_SEED,
    params.batch_size,
    device,
    params.storage,
    get_crop(architecture, params.crop_scale) if params.crop_scale else None,
    count_decoders(device, snakemake.threads),
)
checkpoint = read_checkpoint_hash(source.weights)
# complete: every pair that the shards give is in it, whatever becomes of the caption table
is_complete = bool(source.ledgers) and len(keys) == count_pairs(source.ledgers)
origin = describe_origin(
    params.code,
    checkpoint=checkpoint,
    precision=params.precision,
    storage=params.storage,
    complete=is_complete,
)
write_origin(output.origin, origin)
