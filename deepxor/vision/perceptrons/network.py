"""The networks in TensorFlow: forward, loss and gradient of all of them at once.

Each matrix product is one of a batch of matrices, one a network, in a graph that XLA
does not compile. From some 16 units on that takes a third or less of the time of the
multiplications and sums of the XOR laboratory, in which the networks are the last axis.
XLA would be faster by up to a tenth for wide networks and slower for narrow ones, and
would compile anew for each number of networks. `scripts/bench --only=perceptrons`
compares these forms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

Activation = Callable[[tf.Tensor], tf.Tensor]


class Pass(NamedTuple):
    """Holds what a forward pass has found.

    Attributes:
        hidden: The pre-activations of each hidden layer, [R, batch, units].
        logits: The pre-activations of the last layer, [R, batch, classes].
    """

    hidden: list[tf.Tensor]
    logits: tf.Tensor


def parts(blocks: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the kernels and the biases of blocks.

    Args:
        blocks: The weights, see `weights`.

    Returns:
        The kernels [layers, R, inputs, units] and the biases [layers, R, 1, units] of
        each block in turn.
    """
    return [
        part
        for block in blocks
        for part in tf.split(block, [block.shape[2] - 1, 1], axis=2)
    ]


def forward(weights: Sequence[tf.Tensor], x: tf.Tensor, activation: Activation) -> Pass:
    """Returns the pre-activations of all layers.

    Args:
        weights: The kernels and the biases, as `parts` returns them.
        x: The inputs, [R, batch, inputs], or [1, batch, inputs] for all networks.
        activation: The activation of the hidden layers.
    """
    kernels = [kernel for block in weights[::2] for kernel in tf.unstack(block)]
    biases = [bias for block in weights[1::2] for bias in tf.unstack(block)]
    hidden = []
    for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
        hidden.append(tf.matmul(x, kernel) + bias)
        x = activation(hidden[-1])
    return Pass(hidden, tf.matmul(x, kernels[-1]) + biases[-1])


def cost(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of each network, the mean over the pictures.

    Args:
        logits: The logits, [R, batch, classes].
        y: The classes of the pictures, int32 [R, batch].

    Returns:
        The costs in nats, [R].
    """
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
    return tf.reduce_mean(entropy, axis=1)


def accuracy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Returns the share of pictures that each network takes for what they are.

    Args:
        logits: The logits, [R, batch, classes].
        y: The classes of the pictures, int32 [R, batch].

    Returns:
        The accuracies, [R]. A network whose logits are not finite is never right.
    """
    is_right = tf.argmax(logits, axis=-1, output_type=y.dtype) == y
    is_known = tf.reduce_all(tf.math.is_finite(logits), axis=-1)
    return tf.reduce_mean(tf.cast(is_right & is_known, logits.dtype), axis=1)


def gradients(
    blocks: Sequence[tf.Tensor], x: tf.Tensor, y: tf.Tensor, activation: Activation
) -> tuple[list[tf.Tensor], Pass, tf.Tensor]:
    """Returns the gradient of each network's cost.

    The function differentiates the sum over the networks, so that none of them affects
    another.

    Args:
        blocks: The weights, see `weights`.
        x: The inputs, [R, batch, inputs].
        y: The classes of the pictures, int32 [R, batch].
        activation: The activation of the hidden layers.

    Returns:
        The gradients, of the shapes of the blocks; the forward pass; and the costs,
        [R].
    """
    weights = parts(blocks)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        found = forward(weights, x, activation)
        costs = cost(found.logits, y)
        loss = tf.reduce_sum(costs)
    slopes = tape.gradient(loss, weights)
    joined = [
        tf.concat(pair, axis=2) for pair in zip(slopes[::2], slopes[1::2], strict=True)
    ]
    return joined, found, costs
