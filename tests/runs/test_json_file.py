"""The JSON file of a run says who wrote it, and is written whole or not at all."""

import json

import pytest

import deepxor
from deepxor.runs.json_file import read_json, write_json


def test_what_is_written_is_read_with_the_version_first(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, settings={"seed": 1}, results={"loss": None})
    text = path.read_text()
    assert text.endswith("}\n") and list(json.loads(text)) == [
        "deepxor", "settings", "results",
    ]  # fmt: skip
    assert read_json(path) == {
        "deepxor": deepxor.__version__,
        "settings": {"seed": 1},
        "results": {"loss": None},
    }


def test_what_is_no_json_number_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, results={})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, results={"loss": float("nan")})
    assert path.read_bytes() == before


def test_a_broken_file_is_a_value_error(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("{")
    with pytest.raises(ValueError):
        read_json(path)
    with pytest.raises(OSError):
        read_json(tmp_path / "missing.json")
