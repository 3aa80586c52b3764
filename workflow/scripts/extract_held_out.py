"""Makes the features of the images that probes are trained on, and of the held-out pairs."""

from functools import partial

from lib.architectures import read_architecture
from lib.corpus import select_samples
from lib.datasets import choose_rows, read_labels, read_lines, select_rows
from lib.devices import select_device
from lib.features import decode_first, extract_images, extract_texts
from lib.held_out import check_same_classes, select_held_out, write_held_out
from lib.models import get_tokenizer, get_transform
from lib.precision import count_decoders, load_towers
from lib.progress import start_log
from lib.provenance import describe_origin, read_checkpoint_hash

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
device = select_device(params.device)
architecture = read_architecture(source.architecture)
towers = load_towers(source.weights, architecture, params.precision, device)
extract = partial(
    extract_images,
    towers,
    transform=decode_first(get_transform(architecture)),
    batch_size=params.batch_size,
    device=device,
    workers=count_decoders(device, snakemake.threads),
)
tensors = {}
names = zip(source.names, source.tested, strict=True)
for (dataset, archives), (train, test) in zip(params.archives.items(), names, strict=True):
    check_same_classes(train, test)
    labels = read_labels(archives, len(read_lines(train)))
    rows = choose_rows(labels, params.max_samples)
    tensors[f"train/{dataset}/images"] = extract(select_rows(archives, rows), total=len(rows))
    tensors[f"train/{dataset}/labels"] = labels[rows]
if source.pairs:
    keys, captions = select_held_out(source.pairs, params.pairs, params.context_length)
    tensors["pairs/images"] = extract(select_samples(source.pairs, keys), total=len(keys))
    tokenize = get_tokenizer(architecture)
    tensors["pairs/texts"] = extract_texts(towers, tokenize, captions, params.batch_size, device)
checkpoint = read_checkpoint_hash(source.weights)
origin = describe_origin(params.code, checkpoint=checkpoint, precision=params.precision)
write_held_out(snakemake.output.features, tensors, origin)
