"""Ledgers: what they sum up to, and the pairs that they give, against loops over their rows."""

import csv

import numpy as np
import pyarrow as pa
import pytest

from lib.ledger import (
    IMAGE,
    ROW,
    check_success,
    count_pairs,
    make_captions,
    read_ledger,
    read_ledgers,
    select_pairs,
    summarise,
    write_dropped,
    write_ledger,
)

SCHEMA = pa.schema([*ROW, *IMAGE])
OUTCOMES = [
    ("success", ""),
    ("success", ""),
    ("failed", "http_404"),
    ("left_out", ""),
    ("transient", "timeout"),
]


def make_rows(n, seed=0):
    draws = np.random.default_rng(seed).integers(len(OUTCOMES), size=n)
    return [
        {"row": row, "key": f"k{row:03d}", "caption": f"caption {row}"}
        | dict(zip(("status", "error"), OUTCOMES[draw], strict=True))
        for row, draw in enumerate(draws)
    ]


@pytest.fixture
def rows():
    return make_rows(60)


@pytest.fixture
def ledgers(tmp_path, rows):
    paths = [tmp_path / f"{n}.parquet" for n in range(3)]
    for number, path in enumerate(paths):
        write_ledger(path, rows[25 * number : 25 * number + 25], SCHEMA)
    return paths


def test_ledgers_are_read_as_they_were_written(ledgers, rows):
    empty = dict.fromkeys(SCHEMA.names)
    assert [row for path in ledgers for row in read_ledger(path)] == [empty | row for row in rows]
    whole = read_ledgers(ledgers)
    names = ("key", "caption", "status", "error")
    expected = [{name: row[name] for name in names} | {"shard": row["row"] // 25} for row in rows]
    assert whole.to_pylist() == expected


def test_the_summary_counts_all_rows(ledgers, rows):
    summary = summarise(read_ledgers(ledgers))
    for row in summary:
        same = [r for r in rows if (r["status"], r["error"]) == (row["status"], row["error"])]
        assert (row["rows"], row["share"]) == (len(same), len(same) / len(rows))
    assert sum(row["rows"] for row in summary) == len(rows)
    assert [row["rows"] for row in summary] == sorted((r["rows"] for r in summary), reverse=True)


def test_too_little_success_is_an_error_and_what_is_left_out_does_not_count():
    summary = [
        {"status": "left_out", "error": "", "rows": 90, "share": 0.9},
        {"status": "success", "error": "", "rows": 6, "share": 0.06},
        {"status": "failed", "error": "http_404", "rows": 3, "share": 0.03},
        {"status": "transient", "error": "timeout", "rows": 1, "share": 0.01},
    ]
    check_success(summary, 0.6)
    message = r"60\.0% .* at least 61\.0% .* http_404 30\.0% \(3\), timeout 10\.0% \(1\)\."
    with pytest.raises(ValueError, match=message):
        check_success(summary, 0.61)
    with pytest.raises(ValueError, match=r"0\.0% of the rows"):
        check_success(summary[:1], 0.1)


def test_the_pairs_of_some_ledgers_are_counted(ledgers, rows):
    successes = [row["row"] for row in rows if row["status"] == "success"]
    assert count_pairs(ledgers[1:]) == sum(row >= 25 for row in successes)
    assert count_pairs([]) == 0


def test_what_was_dropped_is_listed(tmp_path, ledgers, rows):
    write_dropped(tmp_path / "dropped.csv", read_ledgers(ledgers))
    with open(tmp_path / "dropped.csv", newline="") as stream:
        listed = list(csv.reader(stream))
    dropped = [r for r in rows if r["status"] in ("failed", "transient")]
    assert listed == [["key", "error"], *([row["key"], row["error"]] for row in dropped)]


@pytest.mark.parametrize(("pairs", "validation"), [(1, 1), (10, 4), (12, 5)])
def test_pairs_are_the_first_that_can_be_had(ledgers, rows, pairs, validation):
    ledger = read_ledgers(ledgers)
    chosen = select_pairs(ledger, pairs, validation)
    successes = [row for row in rows if row["status"] == "success"][: pairs + validation]
    assert chosen.tolist() == [row["row"] for row in successes]
    table = make_captions(ledger, chosen, pairs, [["rewrite"] * len(chosen)])
    assert table.keys == [row["key"] for row in successes]
    assert table.captions == [row["caption"] for row in successes]
    assert table.splits == ["train"] * pairs + ["validation"] * validation
    assert table.rewrites == [["rewrite"] * len(chosen)]
    assert table.shards == [row["row"] // 25 for row in successes]


def test_fewer_pairs_than_asked_for_are_an_error(ledgers, rows):
    available = sum(row["status"] == "success" for row in rows)
    select_pairs(read_ledgers(ledgers), available - 3, 3)
    message = rf"{available} pairs .* \(60 rows were given\); corpus\.pairs {available - 2} and"
    with pytest.raises(ValueError, match=message):
        select_pairs(read_ledgers(ledgers), available - 2, 3)


def test_a_key_of_two_rows_is_an_error(tmp_path, ledgers, rows):
    write_ledger(tmp_path / "more.parquet", [rows[7] | {"status": "failed"}], SCHEMA)
    with pytest.raises(ValueError, match=r"1 keys .* more than once, the first of them 'k007'"):
        read_ledgers([*ledgers, tmp_path / "more.parquet"])
