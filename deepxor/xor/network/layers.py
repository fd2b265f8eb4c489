"""Layers of many independent replicas, with the replica axis last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.nn.activations import MAXOUT


class ReplicaDense(keras.layers.Layer):
    """Computes activation(x * kernel + bias) for each of R independent replicas.

    Args:
        units: The number of outputs of each replica.
        replicas: The number R of replicas.
        activation: An elementwise function; without one the layer returns the
            pre-activations.
        activation_name: The name of the activation's scope in the graph.

    Attributes:
        has_replicas: Always true. `lsuv`, which is for a single network, refuses layers
            that have this attribute.
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
            input_shape: The shape of the inputs, [batch, inputs, R or 1].
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
        """Returns the shape of the outputs, [batch, units, R].

        Args:
            input_shape: The shape of the inputs, [batch, inputs, R or 1].
        """
        return (input_shape[0], self.units, self.replicas)

    def call(
        self, x: tf.Tensor, barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    ) -> tf.Tensor:
        """Returns the activations of the layer.

        Args:
            x: [batch, inputs, R or 1].
            barrier: A function that the pre-activations are passed through, such as
                `gradient_barrier` returns.

        Returns:
            [batch, units, R].
        """
        return self.activate(self.pre_activate(x, barrier))

    def pre_activate(
        self, x: tf.Tensor, barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    ) -> tf.Tensor:
        """Returns the pre-activations.

        Args:
            x: [batch, inputs, R or 1].
            barrier: A function that the pre-activations are passed through, such as
                `gradient_barrier` returns.

        Returns:
            [batch, columns, R]. A column is a unit, or a linear piece of a maxout unit.
        """
        with tf.name_scope("multiply"):
            # Slices with None would be slower to trace, and more nodes in the graph.
            kernel = tf.expand_dims(self.kernel.value, 0)
            z = tf.reduce_sum(tf.expand_dims(x, 2) * kernel, axis=1)
        with tf.name_scope("add"):
            return barrier(z + self.bias.value)

    def activate(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the activations, [batch, units, R].

        Args:
            z: [batch, columns, R], the pre-activations.
        """
        if self.activation is None:
            return z
        with tf.name_scope(self.activation_name):
            return self.activation(z)


class ReplicaMaxout(ReplicaDense):
    """Computes the largest of several linear pieces, for each of R replicas.

    Goodfellow et al. 2013, "Maxout networks", eq. 1.

    Args:
        units: The number of outputs of each replica.
        replicas: The number R of replicas.
        pieces: The number of linear pieces of each unit.
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
        """Returns the shape of the outputs, [batch, units, R].

        Args:
            input_shape: The shape of the inputs, [batch, inputs, R or 1].
        """
        return (input_shape[0], self.units // self.pieces, self.replicas)

    def activate(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the activations, [batch, units, R].

        Args:
            z: [batch, columns, R], the pre-activations, where the pieces of a unit are
                next to each other.
        """
        with tf.name_scope(MAXOUT):
            # The tensor may have the replicas of a block or of a picture only.
            replicas = count_replicas(z)
            shape = [-1, self.units // self.pieces, self.pieces, replicas]
            return tf.reduce_max(tf.reshape(z, shape), axis=2)


def gradient_barrier(one: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns an identity function whose gradient XLA computes only once.

    The gradient with respect to a layer's pre-activations is used in the gradients of
    its bias, of each of its weights and of each of its inputs. XLA would compute it
    from the activation's slope again in all of these places, which takes a quarter of a
    step's time. But XLA never repeats a division, and a division by 1 changes no bit.

    Args:
        one: A scalar 1 whose value XLA must not know when it compiles.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def barrier(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.identity(z), lambda gradient: gradient / one

    return barrier


def count_replicas(value: tf.Tensor | np.ndarray) -> int | tf.Tensor:
    """Returns the number R of replicas of a tensor.

    Args:
        value: [..., R].

    Returns:
        An integer if the static shape has it, otherwise a scalar tensor.
    """
    known = value.shape[-1]
    return tf.shape(value)[-1] if known is None else known
