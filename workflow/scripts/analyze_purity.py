r"""Compare the purity of the projections in checkpoints: a table, a CSV, a plot, a histogram.

    python workflow/scripts/analyze_purity.py --checkpoints Cs0:base.pt Cs30:shuffled.pt \
        --projection text --output-csv purity.csv --output-plot purity.png

A checkpoint is LABEL:PATH, or LABEL:PATH#ENTRY for one head ("pretrained", or a seed) of a file of
heads. Each is compared with the first: the difference of mean |cos| with a 95% interval that covers
the variation between neurons of these very checkpoints, not that between training runs.
Exit status: 0, 1 for a file that cannot be used, 2 for a wrong argument.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.checkpoints import read_projections
from lib.progress import start_log
from lib.purity import MEASURES, measure, neuron_cosines
from lib.statistics import (
    CANNOT_BE_TOLD,
    DOES_NOT_HOLD,
    HOLDS,
    pair_mean,
    pair_mean_difference,
    verdict,
)
from lib.tables import align_columns, write_table

PROGRAM = "analyze_purity.py"
COLUMNS = (
    "label",
    "projection",
    *MEASURES,
    "relative_change",
    "difference",
    "difference_low",
    "difference_high",
    "avg_abs_cos_sim_low",
    "avg_abs_cos_sim_high",
    "width",
    "dim",
)


class Checkpoint(NamedTuple):
    """A file, or one entry of it, under the label that the user gave."""

    label: str
    path: Path
    entry: str | None


class Analysis(NamedTuple):
    """One projection of one checkpoint: its row of the table, and its |cos| (dim, dim)."""

    row: dict[str, Any]
    magnitudes: np.ndarray


class OneLineParser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    arguments = parse_arguments(argv)
    try:
        print(format_table(run(arguments)))
    except ValueError as error:
        print(f"{PROGRAM}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def run(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Analyse the checkpoints and write the files that were asked for; the rows of the table.

    Raises:
        ValueError: a file cannot be used, or not be written.
    """
    projections = ("image", "text") if arguments.projection == "both" else (arguments.projection,)
    analyses = analyze(arguments.checkpoints, projections)
    write_outputs(arguments, analyses)
    return [analysis.row for analysis in analyses]


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of a command line; the process ends with status 2 if they are wrong."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    labels = [checkpoint.label for checkpoint in arguments.checkpoints]
    for label in labels:
        if labels.count(label) > 1:
            parser.error(f"argument --checkpoints: label '{label}' is given twice")
    outputs = (arguments.output_csv, arguments.output_plot, arguments.output_hist)
    taken = {checkpoint.path.resolve(): "a checkpoint" for checkpoint in arguments.checkpoints}
    for path in filter(None, outputs):
        if path.resolve() in taken:
            parser.error(f"{path} is both {taken[path.resolve()]} and an output")
        taken[path.resolve()] = "another output"
    return arguments


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = OneLineParser(
        prog=PROGRAM,
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--checkpoints",
        required=True,
        nargs="+",
        type=parse_checkpoint,
        metavar="LABEL:PATH",
        help="checkpoints (torch or safetensors); the first is the one others are compared with",
    )
    parser.add_argument(
        "--projection", choices=("text", "image", "both"), default="both", help="default: both"
    )
    parser.add_argument("--output-csv", type=Path, metavar="FILE", help="all measures")
    parser.add_argument(
        "--output-plot", type=parse_figure, metavar="FILE", help="mean |cos| of each checkpoint"
    )
    parser.add_argument(
        "--output-hist", type=parse_figure, metavar="FILE", help="distribution of |cos|"
    )
    return parser


def parse_checkpoint(text: str) -> Checkpoint:
    """LABEL:PATH or LABEL:PATH#ENTRY, divided at the first colon (a path may hold more)."""
    label, colon, path = text.partition(":")
    if not (label and colon and path):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form LABEL:PATH")
    if "#" in path and not Path(path).exists():
        path, _, entry = path.rpartition("#")
        return Checkpoint(label, Path(path), entry)
    return Checkpoint(label, Path(path), None)


def parse_figure(text: str) -> Path:
    """A path whose suffix Matplotlib can write."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if Path(text).suffix.removeprefix(".").lower() not in known:
        raise argparse.ArgumentTypeError(
            f"'{text}' has no suffix of a figure, known are {', '.join(sorted(known))}"
        )
    return Path(text)


def analyze(checkpoints: Sequence[Checkpoint], projections: Sequence[str]) -> list[Analysis]:
    """Measure every checkpoint, and compare it with the first, projection by projection.

    Raises:
        ValueError: a file or a projection cannot be used; the label is named.
    """
    weights = [_read(checkpoint, projections) for checkpoint in checkpoints]
    analyses = []
    for projection in projections:
        reference = None
        for checkpoint, found in zip(checkpoints, weights, strict=True):
            try:
                analysis = _measure(checkpoint.label, projection, found[projection], reference)
            except ValueError as error:
                raise ValueError(f"{checkpoint.label}, {projection} projection: {error}") from error
            reference = reference or analysis
            analyses.append(analysis)
    return analyses


def _read(checkpoint: Checkpoint, projections: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        return read_projections(checkpoint.path, checkpoint.entry, projections)
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"{checkpoint.label}: cannot read {checkpoint.path}: {reason}") from error
    except ValueError as error:
        raise ValueError(f"{checkpoint.label}: {error}") from error


def _measure(
    label: str, projection: str, weights: np.ndarray, reference: Analysis | None
) -> Analysis:
    """One row; columns of the comparison stay empty in the reference's own."""
    width, dim = weights.shape
    magnitudes = np.abs(neuron_cosines(weights))
    mean = pair_mean(magnitudes)
    row: dict[str, Any] = {"label": label, "projection": projection, **measure(weights)}
    row |= {"width": width, "dim": dim}
    row |= {"avg_abs_cos_sim_low": mean.low, "avg_abs_cos_sim_high": mean.high}
    if reference is not None:
        difference = pair_mean_difference(reference.magnitudes, magnitudes)
        level = reference.row["avg_abs_cos_sim"] or math.nan  # 0: neurons at right angles
        row |= {
            "relative_change": difference.estimate / level,
            "difference": difference.estimate,
            "difference_low": difference.low,
            "difference_high": difference.high,
        }
    return Analysis(row, magnitudes)


def write_outputs(arguments: argparse.Namespace, analyses: Sequence[Analysis]) -> None:
    """Write whichever of the three files were asked for.

    Raises:
        ValueError: one cannot be written.
    """
    rows = [analysis.row for analysis in analyses]
    path = None
    try:
        if path := arguments.output_csv:
            write_table(path, [dict.fromkeys(COLUMNS) | row for row in rows])
        # Matplotlib takes a second to import: only where a figure is asked for
        if path := arguments.output_plot:
            from lib.figure_projections import draw_projection_means
            from lib.figures import save_figure

            save_figure(draw_projection_means(rows), path)
        if path := arguments.output_hist:
            from lib.figure_projections import draw_projection_histograms
            from lib.figures import save_figure

            magnitudes = {
                (each.row["label"], each.row["projection"]): (each.magnitudes, each.row["width"])
                for each in analyses
            }
            save_figure(draw_projection_histograms(magnitudes), path)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """The comparison in aligned columns."""
    header = ("label", "projection", "mean |cos|", "95% interval", "random", "purity", "change")
    cells = [(*header, "difference", "95% interval", "than the first")]
    for row in rows:
        cells.append(
            (
                row["label"],
                row["projection"],
                f"{row['avg_abs_cos_sim']:.4f}",
                f"[{row['avg_abs_cos_sim_low']:.4f}, {row['avg_abs_cos_sim_high']:.4f}]",
                f"{row['random_baseline']:.4f}",
                f"{row['per_neuron_purity_mean']:.2f}",
                *_format_comparison(row),
            )
        )
    return align_columns(cells)


def _format_comparison(row: dict[str, Any]) -> tuple[str, str, str, str]:
    if "difference" not in row:
        return "", "", "", "(the first)"
    low, high = row["difference_low"], row["difference_high"]
    answers = {HOLDS: "higher", DOES_NOT_HOLD: "lower"}
    answer = "the same" if low == high == 0 else answers.get(verdict(low, high), CANNOT_BE_TOLD)
    return (
        "" if math.isnan(row["relative_change"]) else f"{row['relative_change']:+.1%}",
        f"{row['difference']:+.4f}",
        f"[{low:+.4f}, {high:+.4f}]",
        answer,
    )


def get_rule_arguments(job: Any) -> list[str]:
    """The command line that a rule of the workflow means."""
    return [
        *("--checkpoints", *job.params.checkpoints),
        *("--output-csv", job.output.table),
        *("--output-plot", job.output.plot),
        *("--output-hist", job.output.histogram),
    ]


if __name__ == "__main__":
    if "snakemake" in globals():  # run as a rule's script
        start_log(snakemake.log[0])  # which gets the reason of a failure, too
        run(parse_arguments(get_rule_arguments(snakemake)))
    else:
        sys.exit(main())
