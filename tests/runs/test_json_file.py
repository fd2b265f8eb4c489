"""The JSON file of a run says who wrote it, and is written whole or not at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deepxor
from deepxor.runs.json_file import (
    MAX_BYTES,
    is_as_written,
    parse_json,
    read_json,
    write_json,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What the file of a run says."""
    path = tmp_path_factory.mktemp("written") / "run.json"
    write_json(path, settings={"seed": 1, "bits": 2}, results={"cost": 0.25})
    return path.read_text()


def test_what_is_written_is_read_with_the_version_first(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, settings={"seed": 1}, results={"loss": None})
    text = path.read_text()
    assert text.endswith("}\n") and list(json.loads(text)) == [
        "deepxor", "settings", "results", "crc32",
    ]  # fmt: skip
    found = read_json(path)
    assert isinstance(found.pop("crc32"), int)
    assert found == {
        "deepxor": deepxor.__version__,
        "settings": {"seed": 1},
        "results": {"loss": None},
    }


@given(st.integers(0, 10**6), st.characters(codec="ascii"))
def test_a_letter_that_was_changed_is_found(written, place, letter):
    text = written
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    try:
        found = parse_json(changed.encode())
        is_same = found == parse_json(text.encode())
        assert is_as_written(found) == (is_same or "crc32" not in found)
    except (ValueError, AttributeError):
        assert changed != text  # it is no JSON any more, or no object


def test_a_file_without_a_checksum_is_as_it_is():
    assert is_as_written({"settings": {}, "results": {"cost": 1.0}})
    assert not is_as_written({"settings": {}, "crc32": 1})


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
