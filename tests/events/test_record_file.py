import os

import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from deepxor.events.record_file import BrokenFileError, frame, read_records

RECORDS = st.lists(st.binary(max_size=40), min_size=1, max_size=6)


def read(path):
    """Returns the records that can be read, and the error that ended it, if any."""
    found = []
    try:
        for record in read_records(path):
            found.append(record)
    except BrokenFileError as error:
        return found, error
    return found, None


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("records") / "events"


@hypothesis.given(RECORDS)
def test_tensorflow_writes_the_same_bytes(path, records):
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for record in records:
            writer.write(record)
    assert path.read_bytes() == b"".join(map(frame, records))
    assert read(path) == (records, None)


@hypothesis.given(RECORDS, st.data())
def test_a_cut_file_is_read_up_to_its_last_whole_record(path, records, data):
    whole = b"".join(map(frame, records))
    size = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:size])
    ends = [len(b"".join(map(frame, records[:i]))) for i in range(len(records) + 1)]
    count = sum(end <= size for end in ends) - 1
    found, error = read(path)
    assert found == records[:count]
    assert (error is None) == (size in ends)
    assert error is None or (error.is_cut and error.place == ends[count])


@hypothesis.given(RECORDS, st.data())
def test_a_flipped_bit_is_found_in_the_record_that_has_it(path, records, data):
    whole = bytearray(b"".join(map(frame, records)))
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    path.write_bytes(whole)
    ends = [len(b"".join(map(frame, records[:i]))) for i in range(len(records) + 1)]
    count = sum(end <= bit // 8 for end in ends) - 1
    found, error = read(path)
    assert found == records[:count]
    assert error.place == ends[count] and not error.is_cut


@pytest.mark.parametrize("size", [2**28 + 1, 2**33, 2**62, 2**64 - 1])
def test_no_memory_is_taken_for_a_record_that_is_not_there(path, size):
    length = size.to_bytes(8, "little")
    checksum = masked_crc32c(length).to_bytes(4, "little")
    path.write_bytes(length + checksum + b"content")
    found, error = read(path)
    assert found == [] and error.place == 0
