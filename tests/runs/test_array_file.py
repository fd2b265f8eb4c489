"""A file of arrays is what was written, or is refused in one line."""

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepxor.runs.array_file import (
    ArrayFile,
    ArrayFileError,
    Wanted,
    write_arrays,
)

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array(7),
    "c": np.array([[True], [False]]),
    "empty": np.zeros((0, 4)),
}
ABOUT = {"settings": {"seed": 1}, "text": "ü"}
WANTED = {
    "a": Wanted(np.dtype(np.float32), (2, 3)),
    "b": Wanted(np.dtype(int), ()),
    "c": Wanted(np.dtype(bool), (1,), max_rows=2),
    "empty": Wanted(np.dtype(float), (4,), max_rows=9),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("arrays") / "file.npz"


@pytest.fixture(scope="module")
def content(path):
    write_arrays(path, ARRAYS, ABOUT)
    return path.read_bytes()


def read(path, wanted=WANTED):
    with ArrayFile(path, wanted) as file:
        return file.about(), file.arrays()


def refused(path):
    """Returns the line with which a file is refused."""
    with pytest.raises(ArrayFileError) as error:
        read(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300
    return str(error.value)


def test_what_was_written_is_read(path, content):
    path.write_bytes(content)
    about, found = read(path)
    assert about == ABOUT
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, strict=True)
    # NumPy reads it, too, and without pickles.
    with np.load(path, allow_pickle=False) as loaded:
        np.testing.assert_array_equal(loaded["a"], ARRAYS["a"])


@given(
    hnp.arrays(
        hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes(),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_every_array_of_numbers_is_read_back_to_the_bit(path, array):
    write_arrays(path, {"x": array}, {})
    _, arrays = read(path, {"x": Wanted(array.dtype, array.shape)})
    found = arrays["x"]
    assert found.tobytes() == array.tobytes() and found.shape == array.shape


@given(st.data())
def test_a_damaged_file_is_refused_or_says_the_same(path, content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "overwrite", "insert"]))
    if kind == "flip":
        bit = 1 << data.draw(st.integers(0, 7))
        damaged = content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
    elif kind == "cut":
        damaged = content[:place]
    else:
        new = data.draw(st.binary(min_size=1, max_size=40))
        end = place + (len(new) if kind == "overwrite" else 0)
        damaged = content[:place] + new + content[end:]
    path.write_bytes(damaged)
    try:
        about, found = read(path)
    except ArrayFileError as error:
        assert "\n" not in str(error) and len(str(error)) < 300
        return
    # Some bytes of an archive, such as the times of its members, say nothing.
    assert about == ABOUT
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@given(st.binary(max_size=200))
def test_what_is_no_file_of_arrays_is_refused(path, junk):
    path.write_bytes(junk)
    refused(path)


@given(
    st.sampled_from(sorted(ARRAYS)),
    st.sampled_from([np.float32, np.int64, np.bool_, np.dtype("U3"), np.complex64]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
def test_an_array_of_another_type_or_shape_is_refused(path, name, dtype, shape):
    array = np.zeros(shape, dtype)
    write_arrays(path, {**ARRAYS, name: array}, ABOUT)
    wanted = WANTED[name]
    rows = array.shape[:1] if wanted.max_rows is not None else ()
    is_right = array.shape == (*rows, *wanted.shape) and array.dtype == wanted.dtype
    if is_right and (not rows or rows[0] <= wanted.max_rows):
        read(path)
    else:
        assert repr(name) in refused(path)


def test_other_members_are_refused(path):
    write_arrays(path, {name: ARRAYS[name] for name in "abc"}, ABOUT)
    assert refused(path) == "no member 'empty.npy'"
    write_arrays(path, {**ARRAYS, "more": np.zeros(1)}, ABOUT)
    assert refused(path) == "an unknown member 'more.npy'"
    np.savez(path, **ARRAYS)
    with ArrayFile(path, WANTED) as file:
        assert file.about() == {}
    assert refused(path) == "no member 'about.npy'"


@pytest.mark.parametrize("changed", ["a", "b", "c"])
def test_a_value_that_was_changed_is_refused(path, content, changed):
    path.write_bytes(content)
    with np.load(path) as found:
        members = dict(found)
    members[changed] = np.zeros_like(members[changed])
    np.savez(path, **members)
    assert refused(path) == "wrong checksum"


def test_other_words_beside_the_arrays_are_refused(path, content):
    path.write_bytes(content)
    with np.load(path) as found:
        members = dict(found)
    members["about"] = np.frombuffer(b'{"settings": {"seed": 2}}', np.uint8)
    np.savez(path, **members)
    assert refused(path) == "wrong checksum"
    for text in (b"[" * 200_000, b"[]", b"\xff", b"", b"nul"):
        members["about"] = np.frombuffer(text, np.uint8)
        np.savez(path, **members)
        refused(path)


def archive(path, name, header, data=b"", **of_the_zip):
    """Writes an archive with one member, whose header says what it likes."""
    text = header.encode() + b"\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data
    with zipfile.ZipFile(path, "w", **of_the_zip) as file:
        file.writestr(f"{name}.npy", npy)


@pytest.mark.parametrize(
    "shape",
    [(2**52,), (-1,), (2**64,), (10**30,), (2**31, 2**31), (8, 8), ()],
)
def test_no_size_is_believed(path, shape):
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    archive(path, "about", repr(header))
    tracemalloc.start()
    refused(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_file_that_is_larger_than_what_is_wanted_is_not_read(path, content):
    path.write_bytes(content)
    os.truncate(path, 2**40)  # which takes no room on the disk
    tracemalloc.start()
    assert refused(path) == "1,099,511,627,776 bytes"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_a_header_of_python_2_is_refused_in_one_line(path):
    archive(path, "about", "{'descr': '|u1', 'fortran_order': False, 'shape': (2L,)}")
    refused(path)


def test_a_bomb_is_not_unpacked(path):
    header = repr({"descr": "|u1", "fortran_order": False, "shape": (2**20,)})
    archive(path, "about", header, bytes(2**20), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 20_000
    assert refused(path) == "'about' is compressed or encrypted"


def test_objects_are_not_unpickled(path, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (os.fspath(tmp_path / "evil"),)

    content = io.BytesIO()
    np.save(content, np.array([Evil()]), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("about.npy", content.getvalue())
    assert refused(path) == "'about' is object [1]"
    assert not (tmp_path / "evil").exists()
