"""Makes the features of a corpus, image and text, of a model's weights and the corpus's shards."""

from lib.architectures import read_architecture
from lib.compat import select_device
from lib.corpus import read_captions
from lib.feature_store import write_array, write_origin
from lib.features import extract_texts, extract_views
from lib.models import get_tokenizer, get_transform, load_model, split_head
from lib.precision import set_precision
from lib.progress import start_log
from lib.provenance import describe_origin, read_checkpoint_hash

CROP_SEED = 0  # the crops are the same for every seed of the fine-tunes: features are shared

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
device = select_device(params.device)
table = read_captions(source.captions)
architecture = read_architecture(source.architecture)
towers, _ = split_head(load_model(source.weights, architecture).to(device))
towers = set_precision(towers, params.precision, device)

texts = extract_texts(
    towers, get_tokenizer(architecture), table.captions, params.batch_size, device
)
write_array(output.texts, texts)
extract_views(
    output.images,
    towers,
    source.shards,
    table.keys,
    get_transform(architecture, params.crop_scale),
    params.views,
    CROP_SEED,
    params.batch_size,
    device,
)
checkpoint = read_checkpoint_hash(source.weights)
origin = describe_origin(params.code, checkpoint=checkpoint, precision=params.precision)
write_origin(output.origin, origin)
