"""Sums over the elements of each layer's tensors: what a record costs.

Few passes over the elements and few operations, in a step that XLA compiles and in one
that it does not.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

# Tensors of up to this many elements are summed together with those of their size:
# copying them takes less than the operations that it saves.
MOST_STACKED = 4096

# What one kernel of XLA's makes and another one sums is written and read again. So of
# large tensors this many pieces are added up, element by element, before it is written.
MOST_PIECES = 4


class LayerSums(NamedTuple):
    """Sums over all elements of each layer's tensors, float32 [layers] each.

    Attributes:
        squares: Of the elements.
        absolute: Of their absolute values.
        nonzero: The number of those that are not 0.
        largest: The largest absolute value, 0 without any; in XLA also if one is NaN.
    """

    squares: tf.Tensor
    absolute: tf.Tensor
    nonzero: tf.Tensor
    largest: tf.Tensor


def layer_sums(layers: Sequence[Sequence[tf.Tensor]], is_compiled: bool) -> LayerSums:
    """Returns the sums of every layer; right if all is finite and no square overflows.

    Args:
        layers: The float32 vectors of each, of a static shape; at least one in all.
        is_compiled: Whether XLA compiles this; it makes no difference but to speed.
    """
    stacks, owners = _by_size(layers)
    row_sums = _compiled_row_sums if is_compiled else _row_sums
    *sums, largest = [
        tf.concat(column, axis=0) for column in zip(*map(row_sums, stacks), strict=True)
    ]
    table = tf.stack(sums, axis=1)
    sums = tf.math.unsorted_segment_sum(table, owners, len(layers))
    largest = tf.math.unsorted_segment_max(largest, owners, len(layers))
    squares, absolute, nonzero = tf.unstack(sums, axis=1)
    return LayerSums(squares, absolute, nonzero, tf.maximum(largest, 0.0))


def _by_size(
    layers: Sequence[Sequence[tf.Tensor]],
) -> tuple[list[tf.Tensor], list[int]]:
    """Puts vectors of the same size into the rows of a matrix, if they are short.

    Returns:
        The matrices, [rows, elements] each, and the layer of each row of all of them.
    """
    stacks: dict[tuple[int, ...], list[tuple[int, tf.Tensor]]] = {}
    for number, tensors in enumerate(layers):
        for position, tensor in enumerate(tensors):
            size = tensor.shape.num_elements()
            key = (size,) if size <= MOST_STACKED else (size, number, position)
            stacks.setdefault(key, []).append((number, tensor))
    owners = [number for same in stacks.values() for number, _ in same]
    matrices = [tf.stack([tensor for _, tensor in x]) for x in stacks.values()]
    return matrices, owners


def _row_sums(rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the fields of `LayerSums` for every row."""
    absolute = tf.abs(rows)
    # With no copy of the squares, and in one operation.
    norms = tf.raw_ops.EuclideanNorm(input=rows, axis=1)
    return (
        tf.square(norms),
        tf.reduce_sum(absolute, axis=1),
        tf.reduce_sum(tf.sign(absolute), axis=1),
        tf.reduce_max(absolute, axis=1),
    )


def _compiled_row_sums(rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the same, made for XLA."""
    size = rows.shape[1]
    most = MOST_PIECES if size > MOST_STACKED else 1
    count = max(n for n in range(1, most + 1) if size % n == 0)
    pieces = tf.split(rows, count, axis=1)
    absolute = [tf.abs(piece) for piece in pieces]
    # A sum of squares alone becomes a dot product, which is not vectorized.
    squares = tf.maximum(tf.add_n([tf.square(piece) for piece in pieces]), 0.0)
    largest = functools.reduce(tf.maximum, absolute)
    return (
        tf.reduce_sum(squares, axis=1),
        tf.reduce_sum(tf.add_n(absolute), axis=1),
        tf.reduce_sum(tf.add_n([tf.sign(part) for part in absolute]), axis=1),
        tf.reduce_max(largest, axis=1),
    )
