"""Measures the gradients of every step and replica inside of the compiled loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.gradients import log10_bins
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.network.snapshot import pack

# The bins of all norms of a training batch are kept until its end. With many replicas a
# batch ends once they take this many bytes, so that they do not outgrow the cache by
# far.
BUFFER_BYTES = 16 * 2**20

# The square of a number above 1.8e19 is infinite in float32, so that a finite gradient
# could have an infinite norm. So an element above `MAX_SQUARED` is not squared, but
# multiplied by `BEYOND`. In both cases the sum over 2**15 elements is finite, and a
# single such element makes the sum more than 1e12, so that the norm counts in the last
# bin, as the true norm does.
MAX_SQUARED, BEYOND = 2.0**56, 2.0**-16


def buffer_steps(every: int, layers: int, replicas: int) -> int:
    """Returns the largest number of steps of a training batch.

    Args:
        every: The number of steps from one record to the next.
        layers: The number of layers.
        replicas: The number of independent networks.

    Returns:
        The number of steps, from 1 to `every`.
    """
    return max(1, min(every, BUFFER_BYTES // (layers * replicas)))


class Observation(NamedTuple):
    """Holds what a `GradientObserver` hands over after a training batch.

    Attributes:
        bins: The number of the bin of each norm, as `log10_bins` returns it, uint8
            [steps, layers, R]. If a batch has more steps than rows, the rows are used
            again in turn.
        gradients: The gradients of the last step, as `pack` returns them, float32
            [weights, R].
    """

    bins: tf.Tensor
    gradients: tf.Tensor

    def bins_in_order(self, count: int) -> np.ndarray:
        """Returns the bins of the latest steps in the order of the steps.

        Args:
            count: The number of steps of the batch.

        Returns:
            The bins of at most `count` steps, uint8 [steps, layers, R].
        """
        bins = np.asarray(self.bins)
        if count <= len(bins):
            return bins[:count]
        return np.roll(bins, -(count % len(bins)), axis=0)


class GradientObserver:
    """Keeps every step's norms and the last step's gradients, as an `Observer`.

    Args:
        model: The network.
        every: The number of steps from one record to the next.
    """

    def __init__(self, model: ReplicaNetwork, every: int) -> None:
        self._model = model
        self._layers = len(model.stack)
        self._steps = buffer_steps(every, self._layers, model.replicas)

    def init(self, replicas: int | tf.Tensor) -> list[tf.Tensor]:
        """Returns the tensors for the bins and for the gradients before the first step.

        Args:
            replicas: R, the number of networks of the block.

        Returns:
            The bins, uint8 [steps, layers, R], and a tensor float32 [..., R] for the
            gradient of each variable.
        """
        bins = tf.zeros([self._steps, self._layers, replicas], tf.uint8)
        # The weights stand for the gradients, as they have their shapes. The first step
        # overwrites them.
        weights = [variable.value for variable in self._model.trainable_variables]
        return [bins, *(tf.cast(weight, tf.float32) for weight in weights)]

    def update(
        self, i: tf.Tensor, gradients: list[tf.Tensor], kept: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Returns the tensors with the norms of a step added and with its gradients.

        Args:
            i: The number of the step in the training batch, from 0.
            gradients: The gradients of the trainable variables, [..., R] each.
            kept: The tensors before the step.
        """
        bins, *_ = kept
        with tf.name_scope("gradient_monitor"):
            latest = [tf.cast(gradient, tf.float32) for gradient in gradients]
            norms = layer_norms(latest[::2], latest[1::2])
            row = log10_bins(norms)[None]
            bins = tf.tensor_scatter_nd_update(bins, [[i % bins.shape[0]]], row)
            return [bins, *latest]

    def finalize(self, kept: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the fields of an `Observation`.

        Args:
            kept: The tensors after the last step.
        """
        bins, *gradients = kept
        return [*Observation(bins, pack(gradients))]


def layer_norms(kernels: Sequence[tf.Tensor], biases: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the L2 norm of each layer's gradient in each replica, for the bins.

    If an element is above `MAX_SQUARED`, the number is not the norm, but counts in the
    last bin like the norm, and is finite if, and only if, all elements are.

    The function sums over the inputs of each kernel first, and then over the units of
    all layers at once. XLA on a CPU would make one loop of a plain sum over both axes,
    which it does not vectorise. That costs a fifth of a step, this less than a tenth.

    Args:
        kernels: The gradient of each layer's kernel, [inputs, units, R].
        biases: The gradient of each layer's bias, [units, R].

    Returns:
        The norms, [layers, R].
    """
    columns = [
        tf.reduce_sum(_squares(kernel), axis=0) + _squares(bias)
        for kernel, bias in zip(kernels, biases, strict=True)
    ]
    most = max(column.shape[0] for column in columns)
    # The units are the first axis, as XLA vectorises a sum over that one.
    rows = tf.stack([_pad(column, most) for column in columns], axis=1)
    return tf.sqrt(tf.reduce_sum(rows, axis=0))


def _squares(values: tf.Tensor) -> tf.Tensor:
    """Returns the squares, but `BEYOND` times the values above `MAX_SQUARED`."""
    absolute = tf.abs(values)
    # A minimum that passes NaN on would take XLA longer than this choice.
    return absolute * tf.where(absolute < MAX_SQUARED, absolute, BEYOND)


def _pad(rows: tf.Tensor, count: int) -> tf.Tensor:
    """Returns [rows, R] with rows of zeros added at the end, [count, R]."""
    missing = count - rows.shape[0]
    return tf.pad(rows, [[0, missing], [0, 0]]) if missing else rows
