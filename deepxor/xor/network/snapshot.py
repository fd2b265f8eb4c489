"""The state of replicas to show, and its packing into one tensor of a compiled loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.xor.network.layers import count_replicas


class Snapshot(NamedTuple):
    """Holds the state of replicas at one step.

    Attributes:
        weights: The kernel, [inputs, units, R], and the bias, [units, R], of each layer
            in turn.
        outputs: The outputs of each layer on the truth table, [samples, units, R]; the
            last are probabilities.
        cost: The cost of each replica in nats, [R].
        accuracy: The accuracy of each replica, [R].
    """

    weights: list[np.ndarray]
    outputs: list[np.ndarray]
    cost: np.ndarray
    accuracy: np.ndarray


def pack(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns tensors as the rows of one tensor.

    Args:
        values: The tensors, [..., R] each.

    Returns:
        The rows of all tensors in turn, [rows, R].
    """
    replicas = count_replicas(values[0])
    return tf.concat([tf.reshape(value, [-1, replicas]) for value in values], 0)


def unpack(rows: tf.Tensor, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Returns the tensors that `pack` has packed, as arrays.

    Args:
        rows: The rows that `pack` returned, [rows, R].
        shapes: The shape of each tensor without its last axis, R.

    Returns:
        An array [..., R] for each shape.
    """
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = np.split(np.asarray(rows), ends[:-1])
    return [part.reshape(*shape, -1) for part, shape in zip(parts, shapes, strict=True)]
