"""Only a file is opened to be read: a pipe would block, and a device has no end."""

import os
from pathlib import Path

import pytest

from deepxor.runs.regular_file import check_regular


def test_a_file_and_a_link_to_one_have_their_size(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert check_regular(tmp_path / "file") == check_regular(tmp_path / "link") == 3


def test_what_is_none_is_an_error_that_says_so(tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for path, words in (
        (tmp_path, "directory"),
        (Path(os.devnull), "Not a regular file"),
        (tmp_path / "circle", "symbolic links"),
        (tmp_path / "nothing", "No such file"),
    ):
        with pytest.raises(OSError, match=words):
            check_regular(path)
