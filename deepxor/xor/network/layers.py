"""Layers that carry many replicas, the replica axis last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.nn.activations import MAXOUT


class ReplicaDense(keras.layers.Layer):
    """A dense layer of R independent replicas, each activation(x * kernel + bias).

    Args:
        units: The number of outputs of each replica.
        replicas: R, the number of networks.
        activation: An elementwise function; None to return the pre-activations.
        activation_name: The name of the activation's scope in the graph.
        has_shortcut: Whether the layer adds its input, which must have as many units,
            to its output: the identity shortcut of He et al. 2016, "Deep residual
            learning for image recognition", eq. 1.

    Attributes:
        has_replicas: True, by which `lsuv` recognises and refuses the layer, as it is
            for a single network.
    """

    has_replicas = True

    def __init__(
        self,
        units: int,
        replicas: int,
        activation: Callable[[tf.Tensor], tf.Tensor] | None = None,
        activation_name: str = "activation",
        has_shortcut: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.replicas = replicas
        self.pieces = 1
        self.activation = activation
        self.activation_name = activation_name
        self.has_activation = activation is not None
        self.has_shortcut = has_shortcut

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the kernel [inputs, units, R] and the bias [units, R].

        Args:
            input_shape: The shape of the inputs, [batch, inputs, R] or
                [batch, inputs, 1].
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
        """Returns outputs [batch, units, R] for the arguments of `pre_activate`."""
        return self.add_shortcut(self.activate(self.pre_activate(x, barrier)), x)

    def pre_activate(
        self, x: tf.Tensor, barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    ) -> tf.Tensor:
        """Returns the pre-activations.

        Args:
            x: The inputs, [batch, inputs, R], or [batch, inputs, 1] if they are the
                same for all replicas.
            barrier: An identity that is applied to the pre-activations, as
                `gradient_barrier` returns it.

        Returns:
            The pre-activations, [batch, columns, R].
        """
        with tf.name_scope("multiply"):
            # Slices with None would take longer to trace and add nodes to the graph.
            kernel = tf.expand_dims(self.kernel.value, 0)
            z = tf.reduce_sum(tf.expand_dims(x, 2) * kernel, axis=1)
        with tf.name_scope("add"):
            return barrier(z + self.bias.value)

    def activate(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the activations of pre-activations.

        Args:
            z: The pre-activations, [batch, columns, R].

        Returns:
            The activations, [batch, units, R].
        """
        if self.activation is None:
            return z
        with tf.name_scope(self.activation_name):
            return self.activation(z)

    def add_shortcut(self, activations: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Returns the outputs, which are the activations if there is no shortcut.

        Args:
            activations: The activations, [batch, units, R].
            x: The inputs of the layer, [batch, inputs, R].

        Returns:
            The outputs, [batch, units, R].
        """
        if not self.has_shortcut:
            return activations
        with tf.name_scope("shortcut"):
            return activations + x


class ReplicaMaxout(ReplicaDense):
    """A maxout layer of R independent replicas: each unit is its largest linear piece.

    Goodfellow et al. 2013, "Maxout networks", eq. 1.

    Args:
        units: The number of outputs of each replica, after the maximum.
        replicas: R, the number of networks.
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
        """Returns the shape of the outputs."""
        return (input_shape[0], self.units // self.pieces, self.replicas)

    def activate(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the activations of pre-activations.

        Args:
            z: The pre-activations, [batch, columns, R].

        Returns:
            The activations, [batch, units, R].
        """
        with tf.name_scope(MAXOUT):
            # The tensor may be of a part of the replicas, such as those of a block.
            replicas = count_replicas(z)
            shape = [-1, self.units // self.pieces, self.pieces, replicas]
            return tf.reduce_max(tf.reshape(z, shape), axis=2)


def gradient_barrier(one: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns an identity whose gradient XLA computes only once.

    The gradient with respect to a layer's pre-activations is used for that of its bias,
    of each of its weights and of each of its inputs. XLA would compute it again in all
    of these places, which takes a quarter of a step's time. It never repeats a
    division, and a division by 1 changes no bit.

    Args:
        one: A scalar 1 whose value XLA must not know when it compiles.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def barrier(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.identity(z), lambda gradient: gradient / one

    return barrier


def count_replicas(value: tf.Tensor | np.ndarray) -> int | tf.Tensor:
    """Returns R, the number of replicas, of a tensor or an array.

    Args:
        value: A tensor or an array, [..., R].

    Returns:
        R, as an integer if the shape is known, else as a tensor.
    """
    known = value.shape[-1]
    return tf.shape(value)[-1] if known is None else known
