"""Draws the embedded corpus: WebDataset shards and the caption table."""

from lib.glyphs import draw_corpus, parse_settings
from lib.progress import start_log


def main(snakemake) -> None:
    """Draw the corpus of the config into the shards and the table that the rule declares."""
    start_log(snakemake.log[0])
    settings = parse_settings(snakemake.params.corpus)
    draw_corpus(settings, snakemake.output.shards, snakemake.output.captions)


main(snakemake)  # noqa: F821
