"""Brings the documentation up to date: the config reference, and what the embedded study measured.

python docs/update.py            # docs/config.md, from the schema
python docs/update.py --results  # also tables and pictures of the README and of docs/simulation.md,
                                 # from results/ and, where it was run, results/simulation/
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.claims import describe_recipes, name_pruning_claim, read_claims, select_headlines
from lib.claims_page import format_effect, format_p
from lib.figure_remedies import name_remedy
from lib.files import atomic_path
from lib.frames import read_frame
from lib.statistics import CANNOT_BE_TOLD
from lib.tables import read_table

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ("gallery", "purity", "pruning_glyphs", "claims", "remedies_laclip", "simulation")
ENDS = ("", "_low", "_high")  # of the columns of an estimate and its interval
HEADER = """\
# Configuration

Made from the schema by `docs/update.py`. Every key is required unless its meaning says
*Optional*, and an unknown one is an error.
`config.yaml` holds the embedded study's values, `config/` other studies. `a[].b` is key `b` of each
entry of the list `a`. A `name` is made of letters, digits, `_`, `.` and `-`; the entries of a list
differ.

| key | allowed | meaning |
|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", action="store_true", help="update what was measured, too")
    write_text(ROOT / "docs/config.md", format_reference(ROOT / "workflow/schemas"))
    if parser.parse_args().results:
        update_readme(ROOT / "results")
        update_simulation("grid", ROOT / "results", [0, 0.25, 0.5])
        if (ROOT / "results/simulation/tables").exists():
            whole = ROOT / "results/simulation"
            update_simulation("whole grid", whole, [0, 0.1, 0.2, 0.3, 0.4, 0.5])
            copy_figure(whole / "figures/simulation.png", "simulation_full")


def update_readme(results: Path) -> None:
    """The tables and pictures of the README."""
    for name in FIGURES:
        copy_figure(results / f"figures/{name}.png", name)
    readme, tables = ROOT / "README.md", results / "tables"
    text, claims = readme.read_text(), read_claims(tables / "claims.csv")
    for block, content in (
        ("measured", format_measured(tables)),
        ("purest", format_purest(claims)),
        ("remedies", format_remedies(tables)),
        ("verdicts", format_verdicts(claims)),
    ):
        text = replace_between(block, content, text)
    write_text(readme, text)


def update_simulation(name: str, results: Path, shares: list[float]) -> None:
    """The two tables of a grid of experiment 0, at some values of p."""
    page, tables = ROOT / "docs/simulation.md", results / "tables"
    table, ranking = (read_frame(tables / f"{each}.csv") for each in ("simulation", "ranking"))
    found = format_simulation(table[table["p"].isna() | table["p"].isin(shares)])
    text = replace_between(name, found, page.read_text())
    write_text(page, replace_between(f"ranking of {name}", format_ranking(ranking, shares), text))


def copy_figure(path: Path, name: str) -> None:
    """A picture of the documentation."""
    target = ROOT / f"docs/images/{name}.png"
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, target)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def format_reference(schemas: Path) -> str:
    """The config reference: one row a key, in the order of the schema."""
    schema = yaml.safe_load((schemas / "config.schema.yaml").read_text())
    rows = [
        f"| `{key}` | {allowed} | {meaning} |" for key, allowed, meaning in walk(schema, schema)
    ]
    return HEADER + "\n".join(rows) + "\n"


def walk(node: dict, schema: dict, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Key, allowed values and meaning of everything below a node of the schema."""
    for name, child in node.get("properties", {}).items():
        if child is True:  # described with all kinds
            continue
        child = resolve(child, schema)
        key = f"{path}{name}"
        yield key, describe(child, schema), " ".join(child.get("description", "").split())
        yield from walk(child, schema, f"{key}.")
        yield from walk(resolve(child.get("items", {}), schema), schema, f"{key}[].")
    for option in node.get("allOf", []):
        kind = option["if"]["properties"]["kind"]["const"]
        for key, allowed, meaning in walk(resolve(option["then"], schema), schema, path):
            yield key, allowed, f"({kind}) {meaning}"


def resolve(node: dict, schema: dict) -> dict:
    """A node with the definition that it refers to."""
    name = node.get("$ref", "").rpartition("/")[2]
    return {**schema["$defs"][name], **node} if name else node


def describe(node: dict, schema: dict) -> str:
    """What a value may be, in words."""
    if "enum" in node:
        return ", ".join(f"`{json.dumps(value)}`" for value in node["enum"])
    if node.get("type") == "array":
        items = resolve(node["items"], schema)
        inner = "entries" if items.get("type") == "object" else f"each {describe(items, schema)}"
        low, high = node.get("minItems", 0), node.get("maxItems")
        return f"list of {high if low == high else f'at least {low}'}, {inner}"
    words = {"object": "keys below", "string": "text"}
    parts = [words.get(node["type"], node["type"])]
    ending = re.fullmatch(r"\\\.\(?([\w|]+)\)?\$", node.get("pattern", ""))
    if ending:
        parts.append("ending in " + " or ".join(f"`.{each}`" for each in ending[1].split("|")))
    bounds = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
    bounds |= {"exclusiveMaximum": "below", "multipleOf": "multiple of"}
    parts += [f"{word} {node[key]}" for key, word in bounds.items() if key in node]
    return ", ".join(parts)


def replace_between(name: str, content: str, text: str) -> str:
    """A text with what stands between two markers replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    return re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n{content}\n{end}", text, flags=re.DOTALL)


def format_verdicts(claims: pd.DataFrame) -> str:
    """The headline verdicts as a table in Markdown."""
    lines = ["| claim | verdict | effect [95% interval] | corrected p | varies over |"]
    lines += ["|---|---|---|---|---|"]
    for row in select_headlines(claims).to_dict("records"):
        claim = f"{row['claim']} ({row['scope']})"
        effect = f"{format_effect(row)} {row['unit']}"
        recipes = describe_recipes(claims, row)
        verdict = f"**{row['verdict']}**" + (f" ({recipes})" if recipes else "")
        told = [verdict, effect, format_p(row["p_holm"]), row["variation"]]
        cells = [claim, *told]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines)


def format_simulation(table: pd.DataFrame) -> str:
    """Means over seeds of each kind of data and p, as a table in Markdown."""
    lines = [
        "| captions, p | true purity | mean &#124;cos&#124; | magnitude | purified features "
        "(at 0.8, at 0.95) | accuracy | silhouette | replaced, precision, recall |",
        "|---|---|---|---|---|---|---|---|",
    ]
    kinds = ["untrained", "raw", "filtered"]
    means = table.drop(columns="seed").groupby(["data", "p"], dropna=False, sort=False).mean()
    for (kind, share), row in sorted(means.iterrows(), key=lambda item: kinds.index(item[0][0])):
        numbers = [row[name] for name in ("true_purity", "mean_abs_cos", "feature_magnitude")]
        features = [row[f"purified_features{end}"] for end in ("", "_80", "_95")]
        cells = [kind if kind == "untrained" else f"{kind}, {share:g}"]
        cells += [f"{number:.3f}" for number in numbers]
        cells += ["{:.1f} ({:.1f}, {:.1f})".format(*features)]
        cells += [f"{row[name]:.3f}" for name in ("accuracy", "silhouette")]
        replaced = [f"{row[name]:.3f}" for name in ("replaced_share", "precision", "recall")]
        if kind != "filtered":
            replaced = []
        elif share == 0:
            replaced = [replaced[0], "none is wrong"]
        lines.append(f"| {' | '.join([*cells, ', '.join(replaced)])} |")
    return "\n".join(lines)


def format_ranking(ranking: pd.DataFrame, shares: list[float]) -> str:
    """Rank correlations of |cos| and true purity, as a table in Markdown."""
    lines = ["| runs | Spearman's correlation [95%] | p-value | runs |", "|---|---|---|---|"]
    single = [f"raw, p = {share:g}" for share in shares]
    for row in ranking.to_dict("records"):
        if "p = " in row["scope"] and row["scope"] not in single:
            continue
        p = "" if pd.isna(row["p_value"]) else format_p(row["p_value"])
        interval = f"{row['estimate']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        lines.append(f"| {row['scope']} | {interval} | {p} | {row['runs']} |")
    return "\n".join(lines)


def format_measured(tables: Path) -> str:
    """Accuracy and silhouette of the models with their intervals, as a table in Markdown."""
    comparison = read_table(tables / "clip_vs_laclip.csv")
    models = list(dict.fromkeys(row["model"] for row in comparison))
    lines = ["| dataset (chance) |" + "".join(f" {model} |" for model in models)]
    lines += ["|---|" + "---|" * len(models)]
    for dataset in dict.fromkeys(row["dataset"] for row in comparison):
        rows = [row for row in comparison if row["dataset"] == dataset]
        cells = [
            "{:.1f} [{:.1f}, {:.1f}]<br>{:+.3f} [{:+.3f}, {:+.3f}]".format(
                *(100 * float(row[f"accuracy{end}"]) for end in ENDS),
                *(float(row[f"silhouette{end}"]) for end in ENDS),
            )
            for row in rows
        ]
        chance = 100 / int(rows[0]["n_classes"])
        lines.append(f"| {dataset} ({chance:.1f}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def format_purest(claims: pd.DataFrame) -> str:
    """What keeping the purest neurons is worth, by dataset and model, as a table in Markdown."""
    cases = claims[claims["claim"] == name_pruning_claim("accuracy", "random ones")]
    cases = cases[(cases["model"] != "") & (cases["dataset"] != "")]
    models = list(dict.fromkeys(cases["model"]))
    lines = ["| dataset |" + "".join(f" {model} |" for model in models)]
    lines += ["|---|" + "---|" * len(models)]
    for dataset, rows in cases.groupby("dataset", sort=False):
        cells = [
            f"{format_effect(row)}{'' if row['verdict'] == CANNOT_BE_TOLD else ' *'}"
            for row in rows.to_dict("records")
        ]
        lines.append(f"| {dataset} | {' | '.join(cells)} |")
    return "\n".join(lines)


def format_remedies(tables: Path) -> str:
    """What random swaps cost, and what remedies restore of it, as a table in Markdown."""
    measures = {"accuracy": "{:+.1f}", "silhouette": "{:+.4f}"}
    scale = pd.Series({"accuracy": 100, "silhouette": 1})
    heads, remedied = (
        read_frame(tables / f"{name}.csv")
        for name in ("misalignment_accuracy", "remedies_accuracy")
    )
    control = heads[heads["strategy"] == "none"].groupby("model", sort=False)[[*measures]].mean()
    swapped = heads[heads["strategy"] == "random"].groupby(["model", "cs"])[[*measures]].mean()
    remedied = remedied[remedied["strategy"] == "random"]
    means = remedied.groupby(["model", "cs", "remedy"])[[*measures]].mean()
    remedies = list(dict.fromkeys(remedied["remedy"]))
    titles = ["change by swaps", *(f"then {name_remedy(each)}" for each in remedies)]
    lines = [f"| model, Cs | {' | '.join(titles)} |", "|---|" + "---|" * len(titles)]
    for model, cs in means.index.droplevel("remedy").unique():
        raw = swapped.loc[model, cs]
        changes = [raw - control.loc[model]]
        changes += [means.loc[model, cs, remedy] - raw for remedy in remedies]
        cells = [
            ", ".join(form.format(change[name]) for name, form in measures.items())
            for change in (each * scale for each in changes)
        ]
        lines.append(f"| {model}, {cs:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
