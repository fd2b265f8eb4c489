"""Sees the gradients of every step and replica from inside the compiled loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.gradients import log10_bins
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.network.snapshot import pack

# In which bin each norm of a training batch counts is kept until its end. With many
# replicas that comes before they outgrow the cache by far.
BUFFER_BYTES = 16 * 2**20

# The square of more than 1.8e19 is infinite in float32, and a norm that only its
# squares make infinite would pass for a gradient that is not finite. So what is above
# the one is not squared but multiplied by the other: of either, 2**15 elements have a
# finite sum, and a single one makes it more than 1e12, so that the norm counts in the
# last bin, as the true one does.
MAX_SQUARED, BEYOND = 2.0**56, 2.0**-16


def buffer_steps(every: int, layers: int, replicas: int) -> int:
    """Returns how many steps a training batch may have.

    Args:
        every: Steps from one record to the next: a batch has at most as many.
        layers: The number of layers.
        replicas: The number of independent networks.

    Returns:
        At least 1 and at most `every`.
    """
    return max(1, min(every, BUFFER_BYTES // (layers * replicas)))


class Observation(NamedTuple):
    """What a `GradientObserver` hands over of a training batch.

    Attributes:
        bins: uint8 [steps, layers, R], where `log10_bins` counts the norms.
            Rows are used again, in turn, if a batch has more steps than there are.
        gradients: float32 [weights, R], those of the last step, as `pack` makes them.
    """

    bins: tf.Tensor
    gradients: tf.Tensor

    def bins_in_order(self, count: int) -> np.ndarray:
        """Returns the bins of the latest steps, the last step's last.

        Args:
            count: Steps of the batch.

        Returns:
            uint8 [steps, layers, R], at most `count` steps.
        """
        bins = np.asarray(self.bins)
        if count <= len(bins):
            return bins[:count]
        return np.roll(bins, -(count % len(bins)), axis=0)


class GradientObserver:
    """A `networks.Observer` of every step's norms and the last step's gradients.

    Args:
        model: The network.
        every: Steps from one record to the next.
    """

    def __init__(self, model: ReplicaNetwork, every: int) -> None:
        self._model = model
        self._layers = len(model.stack)
        self._steps = buffer_steps(every, self._layers, model.replicas)

    def init(self, replicas: int | tf.Tensor) -> list[tf.Tensor]:
        """As `networks.Observer`: bins of norms, and gradients.

        Args:
            replicas: R.

        Returns:
            uint8 [steps, layers, R], then float32 [..., R] of each variable.
        """
        bins = tf.zeros([self._steps, self._layers, replicas], tf.uint8)
        # Any values of their shapes: a batch has a step. To copy them takes no code.
        weights = [variable.value for variable in self._model.trainable_variables]
        return [bins, *(tf.cast(weight, tf.float32) for weight in weights)]

    def update(
        self, i: tf.Tensor, gradients: list[tf.Tensor], kept: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """As `networks.Observer`: adds a step's norms; keeps its gradients only."""
        bins, *_ = kept
        with tf.name_scope("gradient_monitor"):
            latest = [tf.cast(gradient, tf.float32) for gradient in gradients]
            norms = layer_norms(latest[::2], latest[1::2])
            row = log10_bins(norms)[None]
            bins = tf.tensor_scatter_nd_update(bins, [[i % bins.shape[0]]], row)
            return [bins, *latest]

    def finalize(self, kept: list[tf.Tensor]) -> list[tf.Tensor]:
        """As `networks.Observer`: the fields of an `Observation`."""
        bins, *gradients = kept
        return [*Observation(bins, pack(gradients))]


def layer_norms(kernels: Sequence[tf.Tensor], biases: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the L2 norm of each layer's gradient, replica by replica, for the bins.

    With elements above `MAX_SQUARED` it is some number that counts in the last bin, as
    the norm does, and finite if, and only if, they are.

    Over a kernel's inputs first, then over the units of all layers at once. XLA on a
    CPU makes one loop over both of a plain sum, which does not vectorise: that costs a
    fifth of a step, this less than a tenth.

    Args:
        kernels: [inputs, units, R] of each layer.
        biases: [units, R] of each layer.

    Returns:
        [layers, R].
    """
    columns = [
        tf.reduce_sum(_squares(kernel), axis=0) + _squares(bias)
        for kernel, bias in zip(kernels, biases, strict=True)
    ]
    most = max(column.shape[0] for column in columns)
    # Units first: a sum over the first axis is one that vectorises.
    rows = tf.stack([_pad(column, most) for column in columns], axis=1)
    return tf.sqrt(tf.reduce_sum(rows, axis=0))


def _squares(values: tf.Tensor) -> tf.Tensor:
    """Returns squares, but of values above `MAX_SQUARED` no more than a share."""
    absolute = tf.abs(values)
    # A minimum that lets NaN through would take XLA longer.
    return absolute * tf.where(absolute < MAX_SQUARED, absolute, BEYOND)


def _pad(rows: tf.Tensor, count: int) -> tf.Tensor:
    """Returns [rows, R] with zeros below, as [count, R]."""
    missing = count - rows.shape[0]
    return tf.pad(rows, [[0, missing], [0, 0]]) if missing else rows
