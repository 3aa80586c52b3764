"""Makes the features of a corpus, image and text, of a model's weights and the corpus's shards."""

from lib.compat import select_device
from lib.corpus import read_captions
from lib.feature_store import write_array
from lib.features import extract_texts, extract_views
from lib.models import get_tokenizer, get_transform, load_model, split_head
from lib.progress import start_log

CROP_SEED = 0  # the crops are the same for every seed of the fine-tunes: features are shared

start_log(snakemake.log[0])
params = snakemake.params
device = select_device(params.device)
table = read_captions(snakemake.input.captions)
towers, _ = split_head(load_model(snakemake.input.weights, params.architecture).to(device))

texts = extract_texts(
    towers, get_tokenizer(params.architecture), table.captions, params.batch_size, device
)
write_array(snakemake.output.texts, texts)
extract_views(
    snakemake.output.images,
    towers,
    snakemake.input.shards,
    table.keys,
    get_transform(params.architecture, params.crop_scale),
    params.views,
    CROP_SEED,
    params.batch_size,
    device,
)
