"""Makes the features of a downstream dataset: of its images, and of the prompts of its classes."""

from lib.compat import select_device
from lib.datasets import read_dataset
from lib.feature_store import DatasetFeatures, write_dataset_features
from lib.features import extract_images, extract_texts
from lib.models import get_tokenizer, get_transform, load_model, split_head
from lib.progress import start_log

start_log(snakemake.log[0])
params = snakemake.params
device = select_device(params.device)
dataset = read_dataset(
    [snakemake.input.archive],
    snakemake.input.names,
    snakemake.input.templates,
    params.max_samples,
)
