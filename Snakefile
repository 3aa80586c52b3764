# Feature purity of CLIP-style models under caption misalignment.
# The study stands in the config; how it is run stands in a profile; what is computed stands in lib.
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


# The embedded study is read only where no other was given: two studies are never merged.
if not workflow.overwrite_configfiles:

    configfile: Path(workflow.basedir, "config.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/inputs_data.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/brought.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/purity.smk"
include: "workflow/rules/layers.smk"
include: "workflow/rules/verdicts.smk"


# An experiment is part of a study if its section is part of the config.
if "simulation" in config:

    include: "workflow/rules/simulation.smk"


if "corpus" in config:

    include: f"workflow/rules/corpus_{CORPUS_KIND}.smk"
    include: "workflow/rules/pretraining.smk"


if "datasets" in config:

    include: "workflow/rules/features.smk"
    include: "workflow/rules/comparison.smk"


if "pruning" in config:

    include: "workflow/rules/pruning.smk"


if "downstream" in config:

    include: "workflow/rules/downstream.smk"


if "misalignment" in config:

    include: "workflow/rules/misalignment.smk"
    include: "workflow/rules/misalignment_tables.smk"
    include: "workflow/rules/misalignment_figures.smk"
    include: "workflow/rules/training.smk"
    include: "workflow/rules/remedies.smk"
    include: "workflow/rules/remedies_shown.smk"


if "page" in config:

    include: "workflow/rules/page.smk"


rule all:
    default_target: True
    input:
        get_targets(),
