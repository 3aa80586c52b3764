"""JSON files: whole, read back as they were written, without what JSON has not."""

import json
import math

import pytest

from lib.json_files import read_json, write_json


@pytest.mark.parametrize("indent", [1, None])
def test_what_is_written_is_read(tmp_path, indent):
    value = {"a": [1, 2.5, None, {"b": "ü"}], "c": {}, "d": True}
    write_json(tmp_path / "a.json", value, indent)
    assert read_json(tmp_path / "a.json") == value
    text = (tmp_path / "a.json").read_text()
    assert text.endswith("}\n")
    assert (text.count("\n") == 1) == (indent is None)


def test_what_is_no_number_becomes_null(tmp_path):
    write_json(tmp_path / "a.json", {"a": (math.nan, [math.nan]), "b": {"c": math.nan}})
    strict = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert strict == {"a": [None, [None]], "b": {"c": None}}


@pytest.mark.parametrize(("value", "error"), [(math.inf, ValueError), ({1, 2}, TypeError)])
def test_what_json_has_not_leaves_the_file_as_it_was(tmp_path, value, error):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(error):
        write_json(tmp_path / "a.json", [value])
    assert read_json(tmp_path / "a.json") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
