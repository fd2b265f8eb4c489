"""Files are there whole, or as they were before."""

import os

import pytest

from deepxor.events.files import join, write_text


def test_until_a_file_is_whole_the_old_one_stands(tmp_path, monkeypatch):
    write_text(str(tmp_path), "a.json", "old")
    seen = []
    replace = os.replace

    def look_and_replace(source, target):
        seen.append((tmp_path / "a.json").read_text())
        replace(source, target)

    monkeypatch.setattr(os, "replace", look_and_replace)
    write_text(str(tmp_path), "a.json", "new")
    assert seen == ["old"]
    assert (tmp_path / "a.json").read_text() == "new"
    assert os.listdir(tmp_path) == ["a.json"]


def test_where_it_cannot_be_written_the_old_one_stays(tmp_path, monkeypatch):
    write_text(str(tmp_path), "a.json", "old")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left") as error:
        write_text(str(tmp_path), "a.json", "new")
    assert error.value.filename == str(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_remote_one_is_written_as_tensorflow_does(monkeypatch):
    folder = "ram://deepxor/files"
    write_text(folder, "a.json", "new")
    from tensorflow.io.gfile import GFile

    with GFile(join(folder + "/", "a.json")) as file:
        assert file.read() == "new"
