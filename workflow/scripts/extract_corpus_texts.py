"""Makes the text features of all captions of a corpus, of a model's weights."""

from lib.architectures import read_architecture
from lib.corpus import read_captions
from lib.devices import select_device
from lib.feature_store import to_storage, write_array, write_origin
from lib.features import extract_texts
from lib.models import get_tokenizer
from lib.precision import load_towers
from lib.progress import start_log
from lib.provenance import describe_origin, read_checkpoint_hash

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
device = select_device(params.device)
captions = read_captions(source.captions).captions
architecture = read_architecture(source.architecture)
towers = load_towers(source.weights, architecture, params.precision, device)
texts = extract_texts(towers, get_tokenizer(architecture), captions, params.batch_size, device)
write_array(output.texts, to_storage(texts, params.storage))
checkpoint = read_checkpoint_hash(source.weights)
origin = describe_origin(
    params.code, checkpoint=checkpoint, precision=params.precision, storage=params.storage
)
write_origin(output.origin, origin)
