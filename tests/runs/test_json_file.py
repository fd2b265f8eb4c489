"""The JSON file of a run says who wrote it, and is written whole or not at all."""

import json

import pytest

import deepxor
from deepxor.runs.json_file import MAX_BYTES, read_json, write_json


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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 200_000, "nested too deep"),
        (b'{"loss": NaN}', "NaN is no number of JSON"),
        (b'{"loss": -Infinity}', "-Infinity is no number"),
        (b'"\xff"', "decode"),
        (b"1" * 5_000, "digits"),
        (b" " * (MAX_BYTES + 1), "more than 4,194,304 bytes"),
    ],
    ids=["lists", "objects", "NaN", "Infinity", "bytes", "digits", "size"],
)
def test_what_is_no_json_or_too_much_is_a_value_error(tmp_path, content, words):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_json(path)
