"""Snapshots of networks, and how they are packed to leave a compiled loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.xor.network.layers import count_replicas


class Snapshot(NamedTuple):
    """Holds weights and results of R networks at one step.

    Attributes:
        weights: The kernel [inputs, units, R] and the bias [units, R] of each layer in
            turn.
        outputs: The outputs [samples, units, R] of each layer on the truth table; those
            of the last layer are probabilities.
        cost: [R], the cross-entropy of each replica, in nats.
        accuracy: [R], the fraction of right answers of each replica.
    """

    weights: list[np.ndarray]
    outputs: list[np.ndarray]
    cost: np.ndarray
    accuracy: np.ndarray


def pack(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Packs tensors into the rows of a single tensor.

    Args:
        values: Tensors [..., R].

    Returns:
        [rows, R].
    """
    replicas = count_replicas(values[0])
    return tf.concat([tf.reshape(value, [-1, replicas]) for value in values], 0)


def unpack(rows: tf.Tensor, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Returns the tensors that `pack` has packed, as arrays.

    Args:
        rows: [rows, R], the result of `pack`.
        shapes: The shape of each tensor, without R.

    Returns:
        An array [..., R] for each shape.
    """
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = np.split(np.asarray(rows), ends[:-1])
    return [part.reshape(*shape, -1) for part, shape in zip(parts, shapes, strict=True)]
