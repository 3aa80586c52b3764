"""Draws one downstream test set of the embedded study: images with labels, class names, prompts."""

from lib.glyphs import DatasetSettings, draw_dataset
from lib.progress import start_log


def main(snakemake) -> None:
    """Draw the dataset of the config into the files that the rule declares."""
    start_log(snakemake.log[0])
    dataset, output = snakemake.params.dataset, snakemake.output
    settings = DatasetSettings(
        dataset["task"], dataset["images"], dataset["seed"], snakemake.params.image_size
    )
    draw_dataset(settings, output.shard, output.classes, output.templates)


main(snakemake)  # noqa: F821
