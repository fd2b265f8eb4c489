"""Layers that carry many replicas, the replica axis last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.nn.activations import MAXOUT


class ReplicaDense(keras.layers.Layer):
    """A dense layer of R replicas: activation(x * kernel + bias), each on its own.

    Args:
        units: Outputs of each replica.
        replicas: R.
        activation: An elementwise function; None returns the pre-activations.
        activation_name: Names the activation's scope in the graph.

    Attributes:
        has_replicas: True; `lsuv`, which is for one network, refuses the layer by it.
    """

    has_replicas = True

    def __init__(
        self,
        units: int,
        replicas: int,
        activation: Callable[[tf.Tensor], tf.Tensor] | None = None,
        activation_name: str = "activation",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.replicas = replicas
        self.pieces = 1
        self.activation = activation
        self.activation_name = activation_name
        self.has_activation = activation is not None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the kernel [inputs, units, R] and the bias [units, R].

        Args:
            input_shape: [batch, inputs, R or 1].
        """
        inputs = input_shape[1]
        self.kernel = self.add_weight(
            shape=(inputs, self.units, self.replicas), name="kernel"
        )
        self.bias = self.add_weight(
            shape=(self.units, self.replicas), initializer="zeros", name="bias"
        )

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the outputs."""
        return (input_shape[0], self.units, self.replicas)

    def call(
        self, x: tf.Tensor, barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    ) -> tf.Tensor:
        """Maps [batch, inputs, R or 1] to [batch, units, R]; see `pre_activate`."""
        return self.activate(self.pre_activate(x, barrier))

    def pre_activate(
        self, x: tf.Tensor, barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    ) -> tf.Tensor:
        """Returns the pre-activations.

        Args:
            x: [batch, inputs, R or 1].
            barrier: What they pass, as `gradient_barrier` makes it.

        Returns:
            [batch, columns, R].
        """
        with tf.name_scope("multiply"):
            # Slices with None would be traced more slowly, and be more nodes to show.
            kernel = tf.expand_dims(self.kernel.value, 0)
            z = tf.reduce_sum(tf.expand_dims(x, 2) * kernel, axis=1)
        with tf.name_scope("add"):
            return barrier(z + self.bias.value)

    def activate(self, z: tf.Tensor) -> tf.Tensor:
        """Maps pre-activations [batch, columns, R] to [batch, units, R]."""
        if self.activation is None:
            return z
        with tf.name_scope(self.activation_name):
            return self.activation(z)


class ReplicaMaxout(ReplicaDense):
    """A maxout layer of R replicas: the largest of some linear pieces.

    Goodfellow et al. 2013, "Maxout networks", eq. 1.

    Args:
        units: Outputs of each replica.
        replicas: R.
        pieces: Linear pieces of each unit.
    """

    def __init__(
        self, units: int, replicas: int, pieces: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(units * pieces, replicas, **kwargs)
        self.pieces = pieces
        self.has_activation = True

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the outputs."""
        return (input_shape[0], self.units // self.pieces, self.replicas)

    def activate(self, z: tf.Tensor) -> tf.Tensor:
        """Maps pre-activations [batch, columns, R] to [batch, units, R]."""
        with tf.name_scope(MAXOUT):
            # Not of all replicas: a block of them, or those of a picture.
            replicas = count_replicas(z)
            shape = [-1, self.units // self.pieces, self.pieces, replicas]
            return tf.reduce_max(tf.reshape(z, shape), axis=2)


def gradient_barrier(one: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns an identity whose gradient XLA computes once.

    The gradient with respect to a layer's pre-activations goes into that of its bias,
    of each of its weights and of each of its inputs. XLA would rather compute it from
    the activation's slope in all of these places, for a quarter of a step's time. It
    never repeats a division; one by 1 changes no bit.

    Args:
        one: A scalar 1, of which XLA must not know what it is.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def barrier(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.identity(z), lambda gradient: gradient / one

    return barrier


def count_replicas(value: tf.Tensor | np.ndarray) -> int | tf.Tensor:
    """Returns R of a tensor [..., R], as a number where it is known."""
    known = value.shape[-1]
    return tf.shape(value)[-1] if known is None else known
