"""The numbers of a tensor in an event file, whose type and shape are not trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from tensorboard.compat.proto import tensor_pb2, types_pb2
from tensorboard.util import tensor_util

# The types of the tensors that are read, and the fields with their values. A value of
# any other type is no number.
_TYPES = {
    types_pb2.DT_FLOAT: (np.float32, "float_val"),
    types_pb2.DT_DOUBLE: (np.float64, "double_val"),
    types_pb2.DT_HALF: (np.float16, "half_val"),
    types_pb2.DT_INT8: (np.int8, "int_val"),
    types_pb2.DT_INT16: (np.int16, "int_val"),
    types_pb2.DT_INT32: (np.int32, "int_val"),
    types_pb2.DT_INT64: (np.int64, "int64_val"),
    types_pb2.DT_UINT8: (np.uint8, "int_val"),
    types_pb2.DT_UINT16: (np.uint16, "int_val"),
}

# NumPy has arrays of no more dimensions.
_MAX_DIMENSIONS = 32


def numbers(
    tensor: tensor_pb2.TensorProto, shape: Sequence[int] | None = None
) -> np.ndarray | None:
    """Returns the numbers of a tensor.

    Nothing is made of a size that the tensor merely claims to have: its content must be
    there, number by number.

    Args:
        tensor: The tensor, which may be damaged or foreign.
        shape: The shape that it must have; None for one number, of any dimensions.

    Returns:
        The numbers, of its shape; None if it is of another shape, its content does not
        fit the shape, or it has no numbers.
    """
    found = [dimension.size for dimension in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or len(found) > _MAX_DIMENSIONS:
        return None
    is_wanted = found == list(shape) if shape else all(size == 1 for size in found)
    if not is_wanted or tensor.dtype not in _TYPES:
        return None
    dtype, field = _TYPES[tensor.dtype]
    size = math.prod(found)
    if tensor.tensor_content:
        is_whole = len(tensor.tensor_content) == size * np.dtype(dtype).itemsize
    else:
        is_whole = len(getattr(tensor, field)) == size
    if not is_whole:
        return None
    try:
        return tensor_util.make_ndarray(tensor)
    except (TypeError, ValueError, OverflowError):  # such as 300 for an uint8
        return None
