"""The numbers of a tensor are those that are there, and nothing is made of a claim."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorboard.compat.proto import tensor_pb2, types_pb2
from tensorboard.util import tensor_util

from deepxor.events.tensor import numbers

TYPES = (np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64,
         np.uint8, np.uint16)  # fmt: skip


@given(
    array=st.sampled_from(TYPES).flatmap(
        lambda dtype: arrays.arrays(
            dtype, arrays.array_shapes(min_dims=1, max_dims=3, max_side=4)
        )
    )
)
def test_a_whole_tensor_is_read_as_it_was_written(array):
    tensor = tensor_util.make_tensor_proto(array)
    np.testing.assert_array_equal(numbers(tensor, array.shape), array)
    found = numbers(tensor)
    assert (found is not None) == (array.size == 1)
    assert numbers(tensor, (*array.shape, 1)) is None


@given(
    size=st.integers(-(2**63), 2**63 - 1),
    count=st.integers(0, 3),
    dtype=st.integers(-3, 200),
    is_content=st.booleans(),
    shape=st.none() | st.tuples(st.integers(1, 2**40), st.integers(1, 2**40)),
)
def test_nothing_is_made_of_a_size_that_is_not_there(
    size, count, dtype, is_content, shape
):
    tensor = tensor_pb2.TensorProto(dtype=dtype)
    for each in shape or (size,):
        tensor.tensor_shape.dim.add(size=each)
    if is_content:
        tensor.tensor_content = b"\0" * 4 * count
    else:
        tensor.float_val.extend([1] * count)
    tracemalloc.start()
    found = numbers(tensor, shape)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
    if found is not None:
        assert found.size == math.prod(found.shape) <= 6 and found.dtype.kind in "fiu"


@pytest.mark.parametrize(
    "dtype", [types_pb2.DT_STRING, types_pb2.DT_COMPLEX64, types_pb2.DT_BOOL, 0, 99]
)
def test_what_is_no_number_is_none(dtype):
    tensor = tensor_pb2.TensorProto(dtype=dtype, string_val=[b"1"], bool_val=[True])
    tensor.scomplex_val.extend([1, 2])
    assert numbers(tensor) is None


def test_a_number_beyond_its_type_is_none():
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_UINT8, int_val=[300])
    assert numbers(tensor) is None
    half = tensor_pb2.TensorProto(dtype=types_pb2.DT_HALF, half_val=[2**20])
    assert numbers(half) is None
