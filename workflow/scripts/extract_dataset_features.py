"""Makes the features of a downstream dataset: of its images, and of the prompts of its classes."""

from lib.architectures import read_architecture
from lib.datasets import choose_rows, read_labels, read_prompts, select_rows
from lib.devices import select_device
from lib.feature_store import DatasetFeatures, write_dataset_features
from lib.features import decode_first, extract_images, extract_texts
from lib.models import get_tokenizer, get_transform
from lib.precision import count_decoders, load_towers
from lib.progress import start_log
from lib.provenance import describe_origin, read_checkpoint_hash

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
device = select_device(params.device)
architecture = read_architecture(source.architecture)
towers = load_towers(source.weights, architecture, params.precision, device)
prompts = read_prompts(source.names, source.templates)
labels = read_labels(source.archives, len(prompts.classes))
rows = choose_rows(labels, params.max_samples)

texts = [text for texts in prompts.texts for text in texts]
text_features = extract_texts(towers, get_tokenizer(architecture), texts, params.batch_size, device)
features = DatasetFeatures(
    images=extract_images(
        towers,
        select_rows(source.archives, rows),
        decode_first(get_transform(architecture)),
        params.batch_size,
        device,
        len(rows),
        count_decoders(device, snakemake.threads),
    ),
    labels=labels[rows],
    texts=text_features.reshape(len(prompts.classes), -1, text_features.shape[1]),
    classes=prompts.classes,
)
checkpoint = read_checkpoint_hash(source.weights)
origin = describe_origin(params.code, checkpoint=checkpoint, precision=params.precision)
write_dataset_features(snakemake.output.features, features, origin)
