"""What there is to show of networks side by side, and how it leaves a compiled loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.xor.network.layers import count_replicas


class Snapshot(NamedTuple):
    """What there is to show of networks side by side.

    Attributes:
        weights: Kernel [inputs, units, R] and bias [units, R] of each layer in turn.
        outputs: [samples, units, R] of each layer on the truth table, the hypothesis as
            probability.
        cost: [R].
        accuracy: [R].
    """

    weights: list[np.ndarray]
    outputs: list[np.ndarray]
    cost: np.ndarray
    accuracy: np.ndarray


def pack(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns tensors of [..., R] as the rows of one [rows, R]."""
    replicas = count_replicas(values[0])
    return tf.concat([tf.reshape(value, [-1, replicas]) for value in values], 0)


def unpack(rows: tf.Tensor, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Returns what `pack` has packed.

    Args:
        rows: [rows, R].
        shapes: Of each tensor, without R.

    Returns:
        An array [..., R] for each shape.
    """
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = np.split(np.asarray(rows), ends[:-1])
    return [part.reshape(*shape, -1) for part, shape in zip(parts, shapes, strict=True)]
