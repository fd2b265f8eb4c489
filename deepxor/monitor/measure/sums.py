"""Sums over the elements of each layer's tensors, the main cost of a record.

The sums take few passes over the elements and few operations, with one way for a step
that XLA compiles and another for one that it does not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Tensors of up to this many elements are summed together with others of the same size:
# copying them takes less time than the operations that it saves.
MAX_STACKED = 4096

# XLA writes what one of its kernels computes to memory before another kernel sums it.
# So large tensors are cut into up to this many pieces, which are added element by
# element before the result is written.
MAX_PIECES = 4

# If a layer's largest element is between these, the squares and their sum are within
# the range of float32.
SAFE_SMALLEST, SAFE_LARGEST = 1e-12, 1e12


class LayerSums(NamedTuple):
    """Holds sums over all elements of each layer's tensors.

    All fields are [layers] and of the same float type.

    Attributes:
        squares: The sum of the squares of the elements.
        absolute: The sum of the absolute values of the elements.
        nonzero: The number of elements that are not 0.
        non_finite: The number of elements that are NaN or infinite.
        largest: The largest absolute value, 0 if there is no element. If an element is
            NaN, this may be any value, while `absolute` is NaN.
    """

    squares: tf.Tensor
    absolute: tf.Tensor
    nonzero: tf.Tensor
    non_finite: tf.Tensor
    largest: tf.Tensor


def layer_sums(layers: Sequence[Sequence[tf.Tensor]]) -> LayerSums:
    """Returns the sums of every layer, in a way that suits a step that XLA compiles.

    Args:
        layers: The float32 vectors of each layer, of static shapes; at least one vector
            in all.

    Returns:
        The sums in float64, which are right whatever the elements are.
    """
    return _sums_of_rows(layers, _row_sums)


def fast_layer_sums(
    layers: Sequence[Sequence[tf.Tensor]],
) -> tuple[LayerSums, tf.Tensor]:
    """Returns the sums of every layer and whether they are right, for a plain step.

    This suits a step that XLA does not compile, in which every operation makes a pass
    of its own. The sums are not right if there are elements that are not finite or
    whose squares are out of the range of float32.

    Args:
        layers: The float32 vectors of each layer, of static shapes; at least one vector
            in all.

    Returns:
        The sums in float32, and a bool scalar, whether they are right.
    """
    sums = _sums_of_rows(layers, _fast_row_sums)
    ends = sums.largest
    are_safe = (ends == 0) | ((ends > SAFE_SMALLEST) & (ends < SAFE_LARGEST))
    return sums, tf.reduce_all(tf.math.is_finite(sums.absolute) & are_safe)


def _sums_of_rows(
    layers: Sequence[Sequence[tf.Tensor]],
    row_sums: Callable[[tf.Tensor], tuple[tf.Tensor, ...]],
) -> LayerSums:
    stacks, owners = _by_size(layers)
    *sums, largest = [
        tf.concat(column, axis=0) for column in zip(*map(row_sums, stacks), strict=True)
    ]
    table = tf.stack(sums, axis=1)
    totals = tf.math.unsorted_segment_sum(table, owners, len(layers))
    squares, absolute, nonzero, non_finite = tf.unstack(totals, axis=1)
    largest = tf.math.unsorted_segment_max(largest, owners, len(layers))
    # For a layer without rows, the segment maximum is the lowest float.
    largest = tf.maximum(largest, 0)
    return LayerSums(squares, absolute, nonzero, non_finite, largest)


def _by_size(
    layers: Sequence[Sequence[tf.Tensor]],
) -> tuple[list[tf.Tensor], list[int]]:
    """Stacks short vectors of the same size into the rows of a matrix.

    Returns:
        The matrices, [rows, elements] each, and the index of the layer of each row, for
        the rows of all matrices in turn.
    """
    stacks: dict[tuple[int, ...], list[tuple[int, tf.Tensor]]] = {}
    for number, tensors in enumerate(layers):
        for position, tensor in enumerate(tensors):
            size = tensor.shape.num_elements()
            key = (size,) if size <= MAX_STACKED else (size, number, position)
            stacks.setdefault(key, []).append((number, tensor))
    owners = [number for same in stacks.values() for number, _ in same]
    matrices = [tf.stack([tensor for _, tensor in x]) for x in stacks.values()]
    return matrices, owners


def _row_sums(rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the fields of `LayerSums` for every row, in float64."""
    size = rows.shape[1]
    most = MAX_PIECES if size > MAX_STACKED else 1
    count = max(n for n in range(1, most + 1) if size % n == 0)
    pieces = tf.split(rows, count, axis=1)
    absolute = [tf.abs(piece) for piece in pieces]
    # In float64 no square overflows or vanishes. XLA would turn a plain sum of squares
    # into a dot product, which is not vectorized; the maximum with 0 prevents that.
    squares = tf.add_n([tf.square(tf.cast(piece, tf.float64)) for piece in pieces])
    squares = tf.maximum(squares, 0.0)
    nonzero = tf.add_n([tf.where(part == 0, 0.0, 1.0) for part in absolute])
    non_finite = tf.add_n([tf.where(part < np.inf, 0.0, 1.0) for part in absolute])
    sums = [tf.reduce_sum(x, 1) for x in (tf.add_n(absolute), nonzero, non_finite)]
    largest = tf.reduce_max(functools.reduce(tf.maximum, absolute), 1)
    rest = [tf.cast(x, tf.float64) for x in (*sums, largest)]
    return tf.reduce_sum(squares, 1), *rest


def _fast_row_sums(rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the fields of `LayerSums` for every row, in float32.

    They are right only if the elements are finite and their squares within float32.
    """
    absolute = tf.abs(rows)
    # One operation, which makes no copy of the squares.
    norms = tf.raw_ops.EuclideanNorm(input=rows, axis=1)
    return (
        tf.square(norms),
        tf.reduce_sum(absolute, 1),
        tf.reduce_sum(tf.sign(absolute), 1),
        tf.zeros_like(norms),
        tf.reduce_max(absolute, 1),
    )
