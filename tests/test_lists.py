"""Lists: any part of them is what reading the whole list gives."""

import codecs
import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.lists import (
    check_keys,
    count_lines,
    count_rows,
    get_key,
    read_columns,
    read_keys,
    read_row_keys,
    read_rows,
)

ROWS = [("é " * n + f'a "quoted", caption {n}', f"images/{n}.jpg") for n in range(23)]


def write_table(path):
    """The rows with a column between them that nobody asks for, in the form of the suffix."""
    columns = {
        "title": [row[0] for row in ROWS],
        "size": [str(n) for n in range(len(ROWS))],
        "file": [row[1] for row in ROWS],
    }
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path, row_group_size=5)
        return path
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    with open(path, "w", newline="", encoding="utf-8") as stream:
        if path.suffix == ".csv":
            csv.writer(stream).writerows(rows)
        else:
            stream.write("".join("\t".join(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("suffix", ["tsv", "csv", "parquet"])
def test_any_part_of_a_table_is_what_the_whole_gives(tmp_path, suffix):
    table = write_table(tmp_path / f"t.{suffix}")
    expected = [(path, caption) for caption, path in ROWS]
    for first in (0, 1, 4, 5, 9, 22):
        for count in (1, 5, 6, 14, 23):
            if first + count <= len(ROWS):
                found = read_columns(table, ["file", "title"], first, count)
                assert found == expected[first : first + count]
    assert count_rows(table, has_names=True) == len(ROWS)


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_a_byte_order_mark_is_no_part_of_the_first_cell(tmp_path, suffix):
    table = write_table(tmp_path / f"t.{suffix}")
    marked = tmp_path / f"marked.{suffix}"
    marked.write_bytes(codecs.BOM_UTF8 + table.read_bytes())
    assert read_rows(marked, 0, 24) == read_rows(table, 0, 24)
    assert read_rows(marked, 3, 2) == read_rows(table, 3, 2)
    assert read_columns(marked, ["title"], 22, 1) == [ROWS[22][:1]]


@pytest.mark.parametrize("suffix", ["tsv", "csv", "parquet"])
def test_a_table_that_is_too_short_or_lacks_a_column_is_an_error(tmp_path, suffix):
    table = write_table(tmp_path / f"t.{suffix}")
    with pytest.raises(ValueError, match=r"t\.\w+ ends at row 23, expected 24 rows"):
        read_columns(table, ["file"], 20, 4)
    message = r"lacks the column\(s\) path; found 'title', 'size', 'file' \(3 in all\)"
    with pytest.raises(ValueError, match=message):
        read_columns(table, ["path", "title"], 0, 1)


def test_what_is_no_table_is_not_printed_whole(tmp_path):
    (tmp_path / "t.tsv").write_text("\t".join(["x" * 1000] * 1000))
    with pytest.raises(ValueError, match=r"found .* \(1000 in all\)") as error:
        read_columns(tmp_path / "t.tsv", ["file"], 0, 1)
    assert len(str(error.value)) < 500


def test_columns_of_one_name_are_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("file,title,title\na,b,c\n")
    with pytest.raises(ValueError, match=r"t\.csv has 'title' twice"):
        read_columns(tmp_path / "t.csv", ["file", "title"], 0, 1)


def test_a_missing_value_of_a_parquet_file_is_none(tmp_path):
    pq.write_table(pa.table({"a": ["x", None], "b": [1, 2]}), tmp_path / "t.parquet")
    assert read_columns(tmp_path / "t.parquet", ["a", "b"], 0, 2) == [("x", "1"), (None, "2")]


def test_rows_of_another_width_are_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(ValueError, match=r"row 1 has 1 columns, expected 2 \(a, b\)"):
        read_columns(tmp_path / "t.csv", ["a"], 0, 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.tsv", b"a\xff\tb\n", "cannot be read as tsv: .*utf-8"),
        ("t.csv", b"a\xff,b\n", "cannot be read as csv: .*utf-8"),
        ("t.csv", b'"smile" is written,a.png\n', "cannot be read as csv: ',' expected after"),
        ("t.csv", b'"a,b.png\nc,d.png\n', "cannot be read as csv: unexpected end of data"),
        ("t.csv", b'"a' + b"x" * 200_000, "cannot be read as csv: field larger"),
    ],
)
def test_a_list_that_is_no_list_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_rows(tmp_path / name, 0, 1)


def test_a_parquet_file_that_is_none_is_an_error(tmp_path):
    (tmp_path / "t.parquet").write_text("a,b\n")
    with pytest.raises(ValueError, match=r"t\.parquet is not a Parquet file"):
        count_rows(tmp_path / "t.parquet")


def test_a_row_of_several_lines_is_told_once(tmp_path, caplog):
    """Two quotes that were not closed make one row of all that lies between them."""
    rows = ['"tall, a.png', "b,b.png", 'c",c.png', "d,d.png", '"two\nlines",e.png']
    (tmp_path / "t.csv").write_text("\n".join(rows))
    found = read_rows(tmp_path / "t.csv", 0, 3)
    assert [len(row) for row in found] == [2, 2, 2]
    assert [record.getMessage().split("t.csv, ")[1] for record in caplog.records] == [
        "line 3 ends a row of several lines: was a quote not closed?"
    ]


def test_a_tsv_quotes_nothing_and_a_csv_does(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b'"a\tb"\r\n"c\td\n')
    (tmp_path / "t.csv").write_bytes(b'\xef\xbb\xbf"a\nb",c\n\n"d""e",f\n\n')
    assert read_rows(tmp_path / "t.tsv", 0, 2) == [['"a', 'b"'], ['"c', "d"]]
    assert read_rows(tmp_path / "t.csv", 0, 2) == [["a\nb", "c"], ['d"e', "f"]]
    assert [count_rows(tmp_path / name) for name in ("t.tsv", "t.csv")] == [2, 2]


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"", 0), (b"\n", 1), (b"a", 1), (b"a\n", 1), (b"a\n\nb", 3), (b"ab\n" * 700_000, 700_000)],
)
def test_lines_are_counted(tmp_path, content, lines):
    (tmp_path / "t.txt").write_bytes(content)
    assert count_lines(tmp_path / "t.txt") == lines


def test_keys_are_read_and_checked(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text("0000000003\n\n0000000000\r\n0000000003\n")
    assert read_keys(path) == read_row_keys(path, 4) == {get_key(0), get_key(3)}
    with pytest.raises(ValueError, match=r"keys.txt: 1 of 2 keys .* corpus: '0000000003'$"):
        read_row_keys(path, 3)
    path.write_text("3\ncat.jpg\n-1\n0000000001\n²\n")
    with pytest.raises(ValueError, match=r"4 of 5 keys are not .*: '-1', '3', 'cat.jpg', \.\.\."):
        read_row_keys(path, 9)
    check_keys(read_keys(path), lambda key: True, path)
    path.write_text("\n \n")
    with pytest.raises(ValueError, match=r"keys.txt holds no keys"):
        read_keys(path)
