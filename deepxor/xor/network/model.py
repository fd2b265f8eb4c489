"""The Keras model of R independent networks side by side.

The axis of the replicas is the last one: kernels are [inputs, units, R], activations
[batch, units, R]. For layers this small, XLA turns a multiplication and a sum into a
few loops that vectorise over replicas; a batched matrix product is some thirty times
slower. A single network is trained by the same code with R = 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.backprop.chain import Chain, Link
from deepxor.xor.network.layers import (
    ReplicaDense,
)
from deepxor.xor.network.loop import LATEST, Latest, Observer, TrainLoop
from deepxor.xor.network.snapshot import Snapshot, pack, unpack

# A network that has learned nothing ends within a few roundings of 0.5 for every input.
# Such a difference is no prediction of a 1, so that its accuracy is 0.5 and not random.
ABOVE_A_HALF = 0.5 + 1e-6


class ReplicaNetwork(keras.Model):
    """R networks that learn one truth table; a training batch is a number of steps.

    `fit` takes a data set of integers. For each of them `train_step` runs that many
    optimizer steps in one compiled loop, every step on the whole truth table.

    Args:
        stack: The layers in forward order; the last one returns logits [batch, 1, R].
        x: The inputs of the truth table, float [samples, inputs].
        y: The targets of the truth table, 0 or 1, float [samples, 1].

    Attributes:
        observers: The observers, which see every step from the next training batch on.
            Observers that callbacks add during a `fit` are removed at its end.
        latest: The `Latest` of the latest training batch.
    """

    observers: list[Observer]
    latest: Latest
    train_function: Any
    _row_shapes: list[tuple[int, ...]]

    def __init__(
        self,
        stack: list[ReplicaDense],
        x: np.ndarray,
        y: np.ndarray,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stack = stack
        self.replicas = stack[-1].replicas
        self.x = x.astype(self.compute_dtype)
        self.y = y.astype(self.compute_dtype)
        shape: tuple[int | None, ...] = (len(x), x.shape[1], 1)
        output_shapes = []
        for layer in stack:
            layer.build(shape)
            layer.built = True
            shape = layer.compute_output_shape(shape)
            output_shapes.append(shape[:-1])
        self.built = True
        weight_shapes = [tuple(v.shape[:-1]) for v in self.trainable_variables]
        # Keras's own `__setattr__` would track the content of these lists.
        object.__setattr__(self, "observers", [])
        shapes = [*weight_shapes, *output_shapes, (), ()]
        object.__setattr__(self, "_row_shapes", shapes)

    def forward(
        self,
        x: np.ndarray | tf.Tensor,
        barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
    ) -> list[tf.Tensor]:
        """Returns the outputs of all layers.

        The method calls `layer.call` under the layer's name and not the layer itself,
        whose `__call__` would open a second scope of that name in TensorBoard's graph.

        Args:
            x: The inputs, [batch, inputs].
            barrier: An identity that is applied to the pre-activations, as
                `gradient_barrier` returns it.

        Returns:
            The outputs, [batch, units, R] each, in forward order; the last are logits.
        """
        outputs = []
        with tf.name_scope("x"):
            x = tf.expand_dims(x, 2)
        for layer in self.stack:
            with tf.name_scope(layer.name):
                x = layer.call(x, barrier)
            outputs.append(x)
        return outputs

    def call(self, x: np.ndarray | tf.Tensor) -> tf.Tensor:
        """Returns the hypothesis, the probability of a 1.

        Args:
            x: The inputs, [batch, inputs].

        Returns:
            The probabilities, [batch, R].
        """
        return self.probability(self.forward(x)[-1])[:, 0]

    def hypothesis(self, weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
        """Returns the hypothesis of networks of the same shape with other weights.

        The method uses matrix products, which for the many points of a picture take a
        third of the time of `call`.

        Args:
            weights: Values of the trainable variables in their order, of any number R
                of replicas.
            x: The inputs, [batch, inputs].

        Returns:
            The probabilities, [batch, R].
        """
        h = np.broadcast_to(x[:, :, None], (*x.shape, weights[0].shape[-1]))
        pairs = zip(weights[::2], weights[1::2], strict=True)
        for layer, (kernel, bias) in zip(self.stack, pairs, strict=True):
            with np.errstate(all="ignore"):  # some may have diverged
                z = np.matmul(h.transpose(2, 0, 1), kernel.transpose(2, 0, 1))
                z = z.transpose(1, 2, 0) + bias
            h = np.asarray(layer.add_shortcut(layer.activate(z), h))
        return self.probability(h)[:, 0].numpy()

    def probability(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns the hypothesis from its logits, in the last layer's scope.

        Args:
            logits: The logits, [batch, 1, R].

        Returns:
            The probabilities, [batch, 1, R].
        """
        with tf.name_scope(f"{self.stack[-1].name}/"):
            return tf.sigmoid(logits)

    def replica_cost(self, logits: tf.Tensor, y: np.ndarray | None = None) -> tf.Tensor:
        """Returns each replica's cross-entropy, the mean over the samples.

        It is computed from logits, as `log(1 - h)` is infinite once h rounds to 1.

        Args:
            logits: The logits, [samples, 1, R].
            y: The targets, 0 or 1, [samples, 1]; None for those of the truth table.

        Returns:
            The costs in nats, [R].
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
            probability: The probabilities of a 1, [samples, 1, R].

        Returns:
            The accuracies, [R].
        """
        with tf.name_scope("accuracy"):
            is_one = self.y[:, :, None] > 0.5
            right = tf.where(
                is_one, probability > ABOVE_A_HALF, probability <= ABOVE_A_HALF
            )
            return tf.reduce_mean(tf.cast(right, probability.dtype), axis=[0, 1])

    def optimizer_step(
        self, barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    ) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """Takes one optimizer step on the whole truth table.

        The loss is the sum over the replicas, so that none of them affects another. The
        attribute `step_graph` keeps the graph of the latest trace for TensorBoard.

        Args:
            barrier: An identity that is applied to the pre-activations, as
                `gradient_barrier` returns it.

        Returns:
            The gradient of each trainable variable in this step; and the costs and the
            accuracies of the replicas before the step, [R] each.
        """
        self.step_graph = tf.compat.v1.get_default_graph()
        weights = [variable.value for variable in self.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits = self.forward(self.x, barrier)[-1]
            cost = self.replica_cost(logits)
            loss = tf.reduce_sum(cost)
        accuracy = self.replica_accuracy(self.probability(logits))
        with tf.name_scope("train"):
            gradients = tape.gradient(loss, weights)
            self.optimizer.apply(gradients, self.trainable_variables)
        return gradients, cost, accuracy

    def gradients(self) -> list[tf.Tensor]:
        """Returns the gradient of each trainable variable, [..., R] each."""
        weights = [variable.value for variable in self.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = tf.reduce_sum(self.replica_cost(self.forward(self.x)[-1]))
        gradients: list[tf.Tensor] = tape.gradient(loss, weights)
        return gradients

    def backprop_chain(self, x: np.ndarray, y: np.ndarray) -> Chain:
        """Returns the layers and the loss as `deepxor.explain` takes them.

        The last layer ends in its logits, and its sigmoid is a part of the loss.

        Args:
            x: The inputs, [samples, inputs].
            y: The targets, 0 or 1, [samples, 1].

        Returns:
            The chain of R replicas.

        Raises:
            ValueError: If x or y does not have this shape.
        """
        x, y = np.asarray(x, self.compute_dtype), np.asarray(y, self.compute_dtype)
        if x.ndim != 2 or x.shape[1] != self.x.shape[1] or len(x) == 0:
            raise ValueError(
                f"`x` must have the shape (samples, {self.x.shape[1]}), with at least "
                f"1 sample. Received: x.shape={x.shape}"
            )
        if y.shape != (len(x), 1):
            raise ValueError(
                f"`y` must have the shape ({len(x)}, 1). Received: y.shape={y.shape}"
            )
        links = [
            Link(
                layer.name,
                layer.pre_activate,
                layer.activate if layer.has_activation else None,
                layer.kernel.numpy() if layer.pieces == 1 else None,
                layer.bias.numpy(),
                layer.has_shortcut,
            )
            for layer in self.stack
        ]
        # Each replica gets a copy of the input, as it has a gradient of its own.
        copies = tf.repeat(tf.constant(x)[:, :, None], self.replicas, axis=2)
        return Chain(
            links,
            copies,
            lambda logits: tf.reduce_sum(self.replica_cost(logits, y)),
            self.replicas,
        )

    def snapshot(self) -> Snapshot:
        """Returns the present weights, layer outputs, costs and accuracies."""
        weights = [weight.value for weight in self.trainable_variables]
        return self.unpack(pack([*weights, *self.evaluate()]))

    def unpack(self, rows: tf.Tensor) -> Snapshot:
        """Returns the snapshot that a training batch has handed over.

        Args:
            rows: The rows of a `Latest`, [rows, R].
        """
        parts = unpack(rows, self._row_shapes)
        count = len(self.trainable_variables)
        return Snapshot(parts[:count], parts[count:-2], *parts[-2:])

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains as Keras does, and restores the list of observers at the end."""
        before = list(self.observers)
        try:
            return super().fit(*args, **kwargs)
        finally:
            self.observers[:] = before

    def make_train_function(self, force: bool = False) -> None:
        """Makes a train function that also sets `latest` after each training batch.

        A step is traced again if the observers are others than when it was traced.

        Args:
            force: Whether to replace a train function that exists.
        """
        if self.train_function is not None and not force:
            return
        function: Callable[[Any], dict[str, Any]] | None = None
        seen_by: list[Observer] = []

        def train(iterator: Any) -> dict[str, tf.Tensor]:
            nonlocal function, seen_by
            if function is None or seen_by != self.observers:
                function, seen_by = self._untraced_function(), list(self.observers)
            logs = function(iterator)
            rows, kept = logs.pop(LATEST)
            step = int(self.optimizer.iterations.value) - 1
            latest = Latest(step, rows, dict(zip(seen_by, kept, strict=True)))
            object.__setattr__(self, "latest", latest)
            return logs

        self.train_function = train

    def _untraced_function(self) -> Callable[[Any], dict[str, Any]]:
        """Returns a train function of Keras's own."""
        # A monitor may have put its own train function in the place of this one.
        before = self.train_function
        super().make_train_function(force=True)
        function, self.train_function = self.train_function, before
        return function

    def train_step(self, num_steps: tf.Tensor) -> dict[str, Any]:
        """Runs optimizer steps and returns the logs before the last of them.

        Args:
            num_steps: The number of steps, an integer scalar of at least 1.

        Returns:
            The logs, as `TrainLoop.run` returns them.
        """
        return TrainLoop(self).run(num_steps)

    def evaluate(self) -> list[tf.Tensor]:
        """Returns the outputs, costs and accuracies in the order of a `Snapshot`."""
        *hidden, logits = self.forward(self.x)
        probability = self.probability(logits)
        cost, accuracy = self.replica_cost(logits), self.replica_accuracy(probability)
        return [*hidden, probability, cost, accuracy]
