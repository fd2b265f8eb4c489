"""Layers that carry many replicas, and the Keras model made of them.

R independent networks lie side by side with the replica axis last: kernels are
[inputs, units, R], activations [batch, units, R]. For layers this small, XLA turns a
multiply and a sum into a few loops that vectorise over replicas; a batched matmul is
some thirty times slower. R = 1 is the single network, by the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from deepxor.lab.activations import MAXOUT, activation_function
from deepxor.lab.data import xor
from deepxor.lab.experiment import HYPOTHESIS, Experiment
from deepxor.lab.initializers import INITIALIZERS
from deepxor.lab.optimizers import make_optimizer
from deepxor.monitor.chain import Chain, Link

# A network that has learned nothing ends within a few roundings of 0.5 for every input.
# Those few make no prediction: its accuracy is 0.5, not whatever they happen to be.
ABOVE_A_HALF = 0.5 + 1e-6


class ReplicaDense(keras.layers.Layer):
    """A dense layer of R replicas: activation(x * kernel + bias), each on its own.

    Args:
        units: Outputs of each replica.
        replicas: R.
        activation: An elementwise function; None returns the pre-activations.
        activation_name: Names the activation's scope in the graph.
    """

    def __init__(
        self,
        units: int,
        replicas: int,
        activation: Callable[[tf.Tensor], tf.Tensor] | None = None,
        activation_name: str = "activation",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.replicas = replicas
        self.pieces = 1
        self.activation = activation
        self.activation_name = activation_name
        self.has_activation = activation is not None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        inputs = input_shape[1]
        self.kernel = self.add_weight(
            shape=(inputs, self.units, self.replicas), name="kernel"
        )
        self.bias = self.add_weight(
            shape=(self.units, self.replicas), initializer="zeros", name="bias"
        )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.units, self.replicas)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps [batch, inputs, R or 1] to [batch, units, R]."""
        return self.activate(self.pre_activate(x))

    def pre_activate(self, x: tf.Tensor) -> tf.Tensor:
        """Maps [batch, inputs, R or 1] to the pre-activations [batch, columns, R]."""
        with tf.name_scope("multiply"):
            z = tf.reduce_sum(x[:, :, None, :] * self.kernel.value[None], axis=1)
        with tf.name_scope("add"):
            return z + self.bias.value

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

    def __init__(self, units: int, replicas: int, pieces: int = 2, **kwargs) -> None:
        super().__init__(units * pieces, replicas, **kwargs)
        self.pieces = pieces
        self.has_activation = True

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.units // self.pieces, self.replicas)

    def activate(self, z: tf.Tensor) -> tf.Tensor:
        """Maps pre-activations [batch, columns, R] to [batch, units, R]."""
        with tf.name_scope(MAXOUT):
            shape = [-1, self.units // self.pieces, self.pieces, self.replicas]
            return tf.reduce_max(tf.reshape(z, shape), axis=2)


class ReplicaNetwork(keras.Model):
    """R networks that learn one truth table; a training batch is a number of steps.

    `fit` takes a data set of integers. For each of them `train_step` runs that many
    optimizer steps in one compiled loop, every step on the whole truth table.

    Args:
        stack: Layers in forward order; the last gives logits [batch, 1, R].
        x: float [samples, inputs].
        y: float [samples, 1], 0 or 1.
    """

    def __init__(
        self,
        stack: list[ReplicaDense],
        x: np.ndarray,
        y: np.ndarray,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.stack = stack
        self.replicas = stack[-1].replicas
        self.x = x.astype(self.compute_dtype)
        self.y = y.astype(self.compute_dtype)
        shape: tuple = (None, x.shape[1], 1)
        for layer in stack:
            layer.build(shape)
            layer.built = True
            shape = layer.compute_output_shape(shape)
        self.built = True
        # A function of its own for each model: of the class's, TensorFlow would say
        # that it is traced too often.
        self.snapshot = tf.function(self._snapshot)

    def forward(self, x: np.ndarray | tf.Tensor) -> list[tf.Tensor]:
        """Returns the outputs of all layers.

        Calls `layer.call` under the layer's own name rather than the layer itself,
        whose `__call__` would open a second scope of that name in TensorBoard's graph.

        Args:
            x: [batch, inputs].

        Returns:
            A list of [batch, units, R] in forward order; the last are the logits.
        """
        outputs = []
        with tf.name_scope("x"):
            x = tf.convert_to_tensor(x)[:, :, None]
        for layer in self.stack:
            with tf.name_scope(layer.name):
                x = layer.call(x)
            outputs.append(x)
        return outputs

    def call(self, x: np.ndarray | tf.Tensor) -> tf.Tensor:
        """Returns the hypothesis, the probability of a 1.

        Args:
            x: [batch, inputs].

        Returns:
            [batch, R].
        """
        return self.probability(self.forward(x)[-1])[:, 0]

    def probability(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns the hypothesis from its logits, in the last layer's scope.

        Args:
            logits: [batch, 1, R].

        Returns:
            [batch, 1, R].
        """
        with tf.name_scope(f"{self.stack[-1].name}/"):
            return tf.sigmoid(logits)

    def replica_cost(self, logits: tf.Tensor, y: np.ndarray | None = None) -> tf.Tensor:
        """Returns each replica's cross-entropy, the mean over the samples.

        From logits, as `log(1 - h)` is infinite once h rounds to 1.

        Args:
            logits: [samples, 1, R].
            y: [samples, 1], 0 or 1; by default those of the truth table.

        Returns:
            [R], in nats.
        """
        with tf.name_scope("cost"):
            y = self.y if y is None else y
            labels = tf.broadcast_to(y[:, :, None], tf.shape(logits))
            entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
            return tf.reduce_mean(entropy, axis=[0, 1])

    def replica_accuracy(self, probability: tf.Tensor) -> tf.Tensor:
        """Returns each replica's fraction of right answers; NaN is never right.

        As in the lecture, a 1 is predicted where the probability is above 0.5.

        Args:
            probability: [samples, 1, R].

        Returns:
            [R].
        """
        with tf.name_scope("accuracy"):
            is_one = self.y[:, :, None] > 0.5
            right = tf.where(
                is_one, probability > ABOVE_A_HALF, probability <= ABOVE_A_HALF
            )
            return tf.reduce_mean(tf.cast(right, probability.dtype), axis=[0, 1])

    def optimizer_step(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Takes one optimizer step on the whole truth table.

        The loss is the sum over replicas, so that no replica feels another.

        The graph it was last traced into is kept as `step_graph`, for TensorBoard.

        Returns:
            Cost and accuracy of each replica before the step, both [R].
        """
        self.step_graph = tf.compat.v1.get_default_graph()
        with tf.GradientTape() as tape:
            logits = self.forward(self.x)[-1]
            cost = self.replica_cost(logits)
            loss = tf.reduce_sum(cost)
        accuracy = self.replica_accuracy(self.probability(logits))
        with tf.name_scope("train"):
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
        return cost, accuracy

    def backprop_chain(self, x: np.ndarray, y: np.ndarray) -> Chain:
        """Returns the layers and the loss as `deepxor.explain` takes them.

        The hypothesis ends in its logits: its sigmoid is a part of the loss.

        Args:
            x: [samples, inputs].
            y: [samples, 1], 0 or 1.

        Returns:
            A chain of R replicas.

        Raises:
            ValueError: If x or y do not have these shapes.
        """
        x, y = np.asarray(x, self.compute_dtype), np.asarray(y, self.compute_dtype)
        if x.ndim != 2 or x.shape[1] != self.x.shape[1] or len(x) == 0:
            raise ValueError(
                f"x has the shape {x.shape}: allowed is (samples, {self.x.shape[1]})"
            )
        if y.shape != (len(x), 1):
            raise ValueError(f"y has the shape {y.shape}: allowed is ({len(x)}, 1)")
        links = [
            Link(
                layer.name,
                layer.pre_activate,
                layer.activate if layer.has_activation else None,
                layer.kernel.numpy() if layer.pieces == 1 else None,
                layer.bias.numpy(),
            )
            for layer in self.stack
        ]
        # One copy of the input a replica, each of which has a gradient of its own.
        copies = tf.repeat(tf.constant(x)[:, :, None], self.replicas, axis=2)
        return Chain(
            links,
            copies,
            lambda logits: tf.reduce_sum(self.replica_cost(logits, y)),
            self.replicas,
        )

    def _snapshot(self) -> tuple:
        """Returns weights, layer outputs, costs and accuracies as they are now.

        Returns:
            Copies of the trainable variables; the outputs of all layers on the truth
            table, the last as probability; and each replica's cost and accuracy.
        """
        *hidden, logits = self.forward(self.x)
        probability = self.probability(logits)
        return (
            [tf.identity(variable.value) for variable in self.trainable_variables],
            [*hidden, probability],
            self.replica_cost(logits),
            self.replica_accuracy(probability),
        )

    def train_step(self, num_steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Runs `num_steps` optimizer steps; returns the logs before the last of them.

        Args:
            num_steps: An integer scalar of at least 1.

        Returns:
            "loss", the mean cost of the replicas where it is finite; "accuracy", the
            mean; "solved" and "diverged", the fractions of replicas with accuracy 1 and
            with a cost that is not finite.
        """
        none = tf.zeros([self.replicas], self.compute_dtype)
        _, cost, accuracy = tf.while_loop(
            lambda i, *_: i < num_steps,
            lambda i, *_: (i + 1, *self.optimizer_step()),
            [tf.zeros_like(num_steps), none, none],
        )
        finite = tf.math.is_finite(cost)
        count = tf.math.count_nonzero(finite, dtype=cost.dtype)
        return {
            "loss": tf.reduce_sum(tf.where(finite, cost, 0)) / count,
            "accuracy": tf.reduce_mean(accuracy),
            "solved": tf.reduce_mean(tf.cast(accuracy == 1, cost.dtype)),
            "diverged": tf.reduce_mean(tf.cast(~finite, cost.dtype)),
        }


def _make_layer(
    experiment: Experiment, name: str, units: int, dtype: str
) -> ReplicaDense:
    if name == HYPOTHESIS:
        return ReplicaDense(1, experiment.replicas, name=name, dtype=dtype)
    if experiment.activation == MAXOUT:
        return ReplicaMaxout(
            units, experiment.replicas, experiment.pieces, name=name, dtype=dtype
        )
    return ReplicaDense(
        units,
        experiment.replicas,
        activation_function(experiment.activation, experiment.alpha),
        experiment.activation,
        name=name,
        dtype=dtype,
    )


def initial_kernels(
    experiment: Experiment, stack: Sequence[ReplicaDense]
) -> list[np.ndarray]:
    """Draws every replica's kernels from a generator of its own.

    Args:
        experiment: Gives the initializer, the seed and the number of replicas.
        stack: The layers in forward order. Each linear piece of a maxout layer is drawn
            like a layer of its own.

    Returns:
        One float64 [inputs, units * pieces, R] a layer, in the order of its units.
    """
    draw = INITIALIZERS[experiment.kernel_initializer]
    kernels = [np.empty(layer.kernel.shape) for layer in stack]
    for replica in range(experiment.replicas):
        rng = np.random.default_rng((experiment.seed, replica))
        for layer, kernel in zip(stack, kernels, strict=True):
            inputs, columns, _ = kernel.shape
            for piece in range(layer.pieces):
                part = draw(rng, inputs, columns // layer.pieces)
                kernel[:, piece :: layer.pieces, replica] = part
    return kernels


def build(experiment: Experiment, dtype: str = "float32") -> ReplicaNetwork:
    """Returns the compiled model of an experiment, at its start.

    Args:
        experiment: The settings.
        dtype: Of weights and computation; float64 is for checking gradients.

    Returns:
        A model whose `fit` takes a `tf.data.Dataset` of numbers of steps.
    """
    units = (*experiment.hidden, 1)
    stack = [
        _make_layer(experiment, name, n, dtype)
        for name, n in zip(experiment.layer_names, units, strict=True)
    ]
    x, y = xor(experiment.bits)
    model = ReplicaNetwork(stack, x, y, name=experiment.network, dtype=dtype)
    for layer, kernel in zip(stack, initial_kernels(experiment, stack), strict=True):
        layer.kernel.assign(kernel)
    optimizer = make_optimizer(experiment.optimizer, experiment.learning_rate)
    model.compile(optimizer=optimizer, jit_compile=True)
    optimizer.build(model.trainable_variables)
    return model
