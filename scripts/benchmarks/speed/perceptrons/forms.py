"""Forms of the same training: where the networks lie in arrays, and what compiles."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from deepxor.vision.perceptrons.batches import Batches
from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.digits import digits
from deepxor.vision.perceptrons.network import cost, gradients
from deepxor.vision.perceptrons.weights import initial_weights
from deepxor.xor.network.layers import gradient_barrier

# Returns the gradients of weights, of their shapes, for pictures [R, batch, pixels] and
# classes [R, batch]. The last argument is a 1 that no compiler knows.
Slopes = Callable[
    [Sequence[tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor], list[tf.Tensor]
]

# The number of batches that are used in turn, about an epoch.
BATCHES = 11

# A measurement takes about so many seconds.
SECONDS = 0.5


class Form:
    """Trains networks by gradient descent, many steps in one call.

    Args:
        experiment: The settings of the networks.
        count: The number of networks.
        arrange: A function from the blocks of `initial_weights` to the weights.
        slopes: The gradients of the weights.
        is_compiled: Whether XLA compiles the loop.
    """

    def __init__(
        self,
        experiment: PerceptronExperiment,
        count: int,
        arrange: Callable[[list[np.ndarray]], list[np.ndarray]],
        slopes: Slopes,
        is_compiled: bool,
    ) -> None:
        networks = [(experiment, replica) for replica in range(count)]
        self._count = count
        self._rate = experiment.learning_rate
        self._slopes = slopes
        self._data = digits()
        self._batches = Batches(networks, len(self._data.y)).take(BATCHES)
        self._weights = [tf.constant(x) for x in arrange(initial_weights(networks))]
        specs = [tf.TensorSpec(x.shape, x.dtype) for x in self._weights]
        self._function = tf.function(
            self._loop,
            [tf.TensorSpec([], tf.int32), tf.TensorSpec([]), specs],
            autograph=False,
            jit_compile=is_compiled,
        )
        self.train(1)  # compiles

    def train(self, steps: int) -> list[np.ndarray]:
        """Returns the weights after some steps from the initial ones.

        Args:
            steps: The number of steps.
        """
        return [x.numpy() for x in self._function(steps, 1.0, self._weights)]

    def microseconds(self) -> float:
        """Returns the time of a step and network."""
        steps = max(3, math.ceil(SECONDS / (self._seconds(2) / 2)))
        return self._seconds(steps) / steps / self._count * 1e6

    def _seconds(self, steps: int) -> float:
        begin = time.perf_counter()
        self.train(steps)
        return time.perf_counter() - begin

    def _loop(
        self, steps: tf.Tensor, one: tf.Tensor, weights: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        x, y = tf.constant(self._data.x), tf.constant(self._data.y)
        batches = tf.constant(self._batches)

        def step(i: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
            batch = batches[i % len(self._batches)]
            slopes = self._slopes(values, tf.gather(x, batch), tf.gather(y, batch), one)
            pairs = zip(values, slopes, strict=True)
            return [i + 1, *(value - self._rate * slope for value, slope in pairs)]

        _, *weights = tf.while_loop(
            lambda i, *_: i < steps, step, [0, *weights], parallel_iterations=1
        )
        return weights


def batched(experiment: PerceptronExperiment, count: int, is_compiled: bool) -> Form:
    """Returns the form of deepxor: products of batches of matrices.

    Args:
        experiment: The settings of the networks.
        count: The number of networks.
        is_compiled: Whether XLA compiles the loop.
    """

    def slopes(
        blocks: Sequence[tf.Tensor], x: tf.Tensor, y: tf.Tensor, one: tf.Tensor
    ) -> list[tf.Tensor]:
        return gradients(blocks, x, y, tf.tanh)[0]

    return Form(experiment, count, list, slopes, is_compiled)


def networks_last(experiment: PerceptronExperiment, count: int) -> Form:
    """Returns the form of the XOR laboratory, which XLA compiles.

    Args:
        experiment: The settings of the networks.
        count: The number of networks.
    """

    def arrange(blocks: list[np.ndarray]) -> list[np.ndarray]:
        # [inputs + 1, units, R] for each layer
        return [np.moveaxis(layer, 0, -1).copy() for block in blocks for layer in block]

    def slopes(
        layers: Sequence[tf.Tensor], x: tf.Tensor, y: tf.Tensor, one: tf.Tensor
    ) -> list[tf.Tensor]:
        barrier = gradient_barrier(one)
        with tf.GradientTape() as tape:
            tape.watch(layers)
            h = tf.transpose(x, [1, 2, 0])
            for number, layer in enumerate(layers):
                products = tf.expand_dims(h, 2) * tf.expand_dims(layer[:-1], 0)
                z = barrier(tf.reduce_sum(products, axis=1) + layer[-1])
                h = tf.tanh(z) if number < len(layers) - 1 else z
            is_class = tf.one_hot(tf.transpose(y), h.shape[1], axis=1)
            log_shares = h - tf.reduce_logsumexp(h, axis=1, keepdims=True)
            loss = -tf.reduce_sum(is_class * log_shares) / experiment.batch_size
        return tape.gradient(loss, layers)

    return Form(experiment, count, arrange, slopes, is_compiled=True)


def alone(experiment: PerceptronExperiment) -> Form:
    """Returns the form of one network at a time, with plain products of matrices.

    Args:
        experiment: The settings of the network.
    """

    def arrange(blocks: list[np.ndarray]) -> list[np.ndarray]:
        layers = [layer[0] for block in blocks for layer in block]
        return [part for layer in layers for part in (layer[:-1], layer[-1])]

    def slopes(
        weights: Sequence[tf.Tensor], x: tf.Tensor, y: tf.Tensor, one: tf.Tensor
    ) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            h = x[0]
            for number, (kernel, bias) in enumerate(
                zip(weights[::2], weights[1::2], strict=True)
            ):
                z = tf.nn.bias_add(tf.matmul(h, kernel), bias)
                h = tf.tanh(z) if number < experiment.depth else z
            loss = cost(h[None], y)[0]
        return tape.gradient(loss, weights)

    return Form(experiment, 1, arrange, slopes, is_compiled=False)
