"""Prints what a finished study measured and what it took, in short, and where its report lies."""

import argparse
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.claims import describe_recipes, read_claims, select_headlines
from lib.claims_page import format_effect
from lib.frames import read_frame
from lib.tables import align_columns, read_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, required=True, help="the study's configuration")
    results = Path(yaml.safe_load(parser.parse_args().configfile.read_text())["results"])
    comparison, claims, resources = (
        results / f"tables/{name}.csv" for name in ("clip_vs_laclip", "claims", "resources")
    )
    if comparison.exists():
        print("\nZero-shot accuracy in %, in brackets the cosine silhouette, before fine-tuning\n")
        print(format_comparison(read_frame(comparison)))
    if claims.exists():
        print("\nThe study's claims on this data (effect, 95% interval)\n")
        print(format_claims(read_claims(claims)))
    if resources.exists():
        print("\nWhat the jobs took (one run or several), by rule\n")
        print(format_resources(read_table(resources)))
    print(f"\nTables and figures with captions: {results / 'report.html'}")
    if (results / "page.html").exists():
        print(f"Curves and neurons to look into: {results / 'page.html'}")


def format_comparison(table: pd.DataFrame) -> str:
    """A line a dataset, a column a model, chance last."""
    models, datasets = table["model"].unique(), table["dataset"].unique()
    cells = table.set_index(["model", "dataset"])
    lines = [["", *models, "chance"]]
    for dataset in datasets:
        rows = [cells.loc[(model, dataset)] for model in models]
        measured = [f"{100 * row['accuracy']:5.1f} ({row['silhouette']:+.3f})" for row in rows]
        lines.append([dataset, *measured, f"{100 / rows[0]['n_classes']:5.1f}"])
    return align_columns(lines)


def format_claims(claims: pd.DataFrame) -> str:
    """A line a claim, each a mean over all cases that it was asked of."""
    lines = []
    for row in select_headlines(claims).to_dict("records"):
        recipes = describe_recipes(claims, row)
        verdict = f"{row['verdict']} ({recipes})" if recipes else row["verdict"]
        effect, claim = f"{format_effect(row)} {row['unit']}", f"{row['claim']} ({row['scope']})"
        lines.append([verdict, effect, row["variation"], claim])
    return align_columns(lines)


def format_resources(rows: list[dict[str, str]]) -> str:
    """A line a rule: times as h:mm:ss, memory in MB; GPU hours where any job asked for a GPU."""
    header = ["rule", "jobs", "time", "CPU time", "longest", "peak MB", "asked MB"]
    has_gpu = any(float(row["gpu_hours"]) for row in rows)
    lines = [[*header, "GPU h asked"] if has_gpu else header]
    for row in rows:
        seconds = (round(float(row[key])) for key in ("wall_s", "cpu_s", "longest_s"))
        times = (str(timedelta(seconds=each)) for each in seconds)
        line = [row["rule"], row["jobs"], *times, row["peak_mb"], row["asked_mb"]]
        lines.append([*line, row["gpu_hours"]] if has_gpu else line)
    return align_columns(lines)


if __name__ == "__main__":
    main()
