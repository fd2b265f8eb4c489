"""Observes the gradients of every step and replica from inside the compiled loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.gradients import log10_bins
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.network.snapshot import pack

# The bin number of each norm is kept until the end of the training batch, in a buffer
# of up to this size. With many replicas it ends the batch before the bin numbers
# outgrow the cache by far.
BUFFER_BYTES = 16 * 2**20

# The square of a number above 1.8e19 is infinite in float32, so that a norm would look
# like that of a gradient that is not finite. So elements above `MAX_SQUARED` are not
# squared but multiplied by `BEYOND`. In either case the sum of 2**15 elements is
# finite. A single element above `MAX_SQUARED` makes the sum larger than 1e12, so that
# the norm counts in the last bin, as the true norm does.
MAX_SQUARED, BEYOND = 2.0**56, 2.0**-16


def buffer_steps(every: int, layers: int, replicas: int) -> int:
    """Returns the most steps that a training batch may have.

    Args:
        every: The number of steps from one record to the next; a batch has at most as
            many.
        layers: The number of layers.
        replicas: The number R of replicas.

    Returns:
        The number of steps, at least 1 and at most `every`.
    """
    return max(1, min(every, BUFFER_BYTES // (layers * replicas)))


class Observation(NamedTuple):
    """Holds what a `GradientObserver` hands over of a training batch.

    Attributes:
        bins: uint8 [steps, layers, R], the bin numbers of the norms as `log10_bins`
            returns them. If a batch has more steps, the rows are overwritten in turn.
        gradients: float32 [weights, R], the gradients of the last step as `pack`
            returns them.
    """

    bins: tf.Tensor
    gradients: tf.Tensor

    def bins_in_order(self, count: int) -> np.ndarray:
        """Returns the bin numbers of the latest steps in the order of the steps.

        Args:
            count: The number of steps of the batch.

        Returns:
            uint8 [steps, layers, R], at most `count` steps.
        """
        bins = np.asarray(self.bins)
        if count <= len(bins):
            return bins[:count]
        return np.roll(bins, -(count % len(bins)), axis=0)


class GradientObserver:
    """Observes the norms of every step and the gradients of the last step.

    It implements the protocol `network.loop.Observer`.

    Args:
        model: The network to observe.
        every: The number of steps from one record to the next.
    """

    def __init__(self, model: ReplicaNetwork, every: int) -> None:
        self._model = model
        self._layers = len(model.stack)
        self._steps = buffer_steps(every, self._layers, model.replicas)

    def init(self, replicas: int | tf.Tensor) -> list[tf.Tensor]:
        """Returns initial tensors for the bin numbers and the gradients.

        Args:
            replicas: The number of replicas of the current block.

        Returns:
            uint8 [steps, layers, replicas], then float32 [..., replicas] for each
            trainable variable.
        """
        bins = tf.zeros([self._steps, self._layers, replicas], tf.uint8)
        # The gradients may start with any values of the right shapes, as a batch has at
        # least one step. The weights are at hand.
        weights = [variable.value for variable in self._model.trainable_variables]
        return [bins, *(tf.cast(weight, tf.float32) for weight in weights)]

    def update(
        self, i: tf.Tensor, gradients: list[tf.Tensor], kept: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Adds the bin numbers of a step's norms, and keeps the step's gradients.

        Args:
            i: The number of the step in the training batch, counted from 0.
            gradients: The gradients that made the step, [..., replicas] for each
                trainable variable.
            kept: The tensors that were kept before the step.

        Returns:
            Tensors of the same shapes and types as `kept`.
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
            kept: The tensors that were kept after the last step.
        """
        bins, *gradients = kept
        return [*Observation(bins, pack(gradients))]


def layer_norms(kernels: Sequence[tf.Tensor], biases: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the L2 norm of each layer's gradient for each replica, for the bins.

    If there are elements above `MAX_SQUARED`, the result is not the norm, but a number
    that counts in the last bin as the norm does, and that is finite if, and only if,
    the elements are.

    The sum is first over the inputs of a kernel, then over the units of all layers at
    once. From a plain sum XLA would make one loop over both on a CPU, which does not
    vectorise: that takes a fifth of a step's time, this less than a tenth.

    Args:
        kernels: The gradient [inputs, units, R] of each layer's kernel.
        biases: The gradient [units, R] of each layer's bias.

    Returns:
        [layers, R].
    """
    columns = [
        tf.reduce_sum(_squares(kernel), axis=0) + _squares(bias)
        for kernel, bias in zip(kernels, biases, strict=True)
    ]
    most = max(column.shape[0] for column in columns)
    # The units become the first axis, as a sum over the first axis vectorises.
    rows = tf.stack([_pad(column, most) for column in columns], axis=1)
    return tf.sqrt(tf.reduce_sum(rows, axis=0))


def _squares(values: tf.Tensor) -> tf.Tensor:
    """Returns the squares; values above `MAX_SQUARED` are multiplied by `BEYOND`."""
    absolute = tf.abs(values)
    # XLA would take longer for a minimum, which has to let NaN through.
    return absolute * tf.where(absolute < MAX_SQUARED, absolute, BEYOND)


def _pad(rows: tf.Tensor, count: int) -> tf.Tensor:
    """Returns [rows, R] padded with rows of zeros to [count, R]."""
    missing = count - rows.shape[0]
    return tf.pad(rows, [[0, missing], [0, 0]]) if missing else rows
