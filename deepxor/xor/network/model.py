"""The Keras model of R independent networks, called replicas.

The replica axis is the last one: kernels are [inputs, units, R], activations [batch,
units, R]. For layers this small, XLA turns a multiplication and a sum into a few loops
that vectorise over replicas; a batched matmul is some thirty times slower. R = 1 is a
single network, trained by the same code.
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
# This threshold keeps the roundings from counting as predictions: the accuracy of such
# a network is 0.5, and not whatever they happen to be.
ABOVE_A_HALF = 0.5 + 1e-6


class ReplicaNetwork(keras.Model):
    """Trains R independent networks on one truth table.

    `fit` takes a data set of integers. For each integer, which is one training batch,
    `train_step` runs that many optimizer steps in one compiled loop. Every step uses
    the whole truth table.

    Args:
        stack: The layers in forward order; the last one gives logits [batch, 1, R].
        x: float [samples, inputs], the inputs of the truth table.
        y: float [samples, 1], the targets of the truth table, 0 or 1.

    Attributes:
        observers: The observers, which see every step from the next training batch on.
            Observers that are added during a `fit` are removed at its end.
        latest: What the latest training batch has handed over.
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
        # Keras's own `__setattr__` would track the contents of the lists.
        object.__setattr__(self, "observers", [])
        shapes = [*weight_shapes, *output_shapes, (), ()]
        object.__setattr__(self, "_row_shapes", shapes)

    def forward(
        self,
        x: np.ndarray | tf.Tensor,
        barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
    ) -> list[tf.Tensor]:
        """Returns the outputs of all layers.

        It runs `layer.call` in a scope of the layer's name. The `__call__` of the layer
        would open a second scope of that name in TensorBoard's graph.

        Args:
            x: [batch, inputs].
            barrier: A function that the pre-activations are passed through, such as
                `gradient_barrier` returns.

        Returns:
            A list of tensors [batch, units, R] in forward order; the last one has the
            logits.
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
        """Returns the hypothesis of each network: the probability of a 1.

        Args:
            x: [batch, inputs].

        Returns:
            [batch, R].
        """
        return self.probability(self.forward(x)[-1])[:, 0]

    def hypothesis(self, weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
        """Returns the hypothesis of networks of this form with given weights.

        It uses matrix products, outside of the compiled loop: for the many points of a
        picture they take a third of the time of `call`.

        Args:
            weights: An array for each trainable variable in turn, for any number R of
                replicas.
            x: [batch, inputs].

        Returns:
            [batch, R].
        """
        h = np.broadcast_to(x[:, :, None], (*x.shape, weights[0].shape[-1]))
        pairs = zip(weights[::2], weights[1::2], strict=True)
        for layer, (kernel, bias) in zip(self.stack, pairs, strict=True):
            with np.errstate(all="ignore"):  # some may have diverged
                z = np.matmul(h.transpose(2, 0, 1), kernel.transpose(2, 0, 1))
                z = z.transpose(1, 2, 0) + bias
            h = np.asarray(layer.activate(z))
        return self.probability(h)[:, 0].numpy()

    def probability(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns the hypothesis for given logits, in the name scope of the last layer.

        Args:
            logits: [batch, 1, R].

        Returns:
            [batch, 1, R].
        """
        with tf.name_scope(f"{self.stack[-1].name}/"):
            return tf.sigmoid(logits)

    def replica_cost(self, logits: tf.Tensor, y: np.ndarray | None = None) -> tf.Tensor:
        """Returns each replica's cross-entropy, the mean over the samples.

        It is computed from logits, as `log(1 - h)` is infinite once h rounds to 1.

        Args:
            logits: [samples, 1, R].
            y: [samples, 1], the targets, 0 or 1; by default those of the truth table.

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
            probability: [samples, 1, R], the hypothesis.

        Returns:
            [R].
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

        The loss is the sum over replicas, so that the gradient of a replica does not
        depend on the others. The graph into which the step was last traced is kept as
        `step_graph`, for TensorBoard.

        Args:
            barrier: A function that the pre-activations are passed through, as for
                `forward`.

        Returns:
            The gradients that made the step, one for each trainable variable; and the
            cost and the accuracy of each replica before the step, [R] each.
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

    def backprop_chain(self, x: np.ndarray, y: np.ndarray) -> Chain:
        """Returns the layers and the loss in the form that `deepxor.explain` takes.

        The last layer of the chain gives logits, as the sigmoid is part of the loss.

        Args:
            x: [samples, inputs].
            y: [samples, 1], the targets, 0 or 1.

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
        # Each replica gets a copy of the input, so that it has a gradient of its own.
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
            rows: [rows, R], the `rows` of a `Latest`.
        """
        parts = unpack(rows, self._row_shapes)
        count = len(self.trainable_variables)
        return Snapshot(parts[:count], parts[count:-2], *parts[-2:])

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains as Keras's `fit`, and then restores the list of observers.

        The list is restored even if an error ends the training.

        Args:
            *args: The positional arguments of Keras's `fit`.
            **kwargs: The keyword arguments of Keras's `fit`.
        """
        before = list(self.observers)
        try:
            return super().fit(*args, **kwargs)
        finally:
            self.observers[:] = before

    def make_train_function(self, force: bool = False) -> None:
        """Makes the train function, which also keeps what a batch hands over.

        It wraps Keras's own train function, and sets `latest` from what the steps
        return in addition to the logs. The step is traced with the present observers;
        if they have changed at a later call, it is traced again.

        Args:
            force: Whether to make a new train function if there is one already.
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
        """Returns a new train function of Keras's own."""
        # A monitor may have replaced `train_function`, so it is put back afterwards.
        before = self.train_function
        super().make_train_function(force=True)
        function, self.train_function = self.train_function, before
        return function

    def train_step(self, num_steps: tf.Tensor) -> dict[str, Any]:
        """Runs `num_steps` optimizer steps, see `TrainLoop.run`.

        Args:
            num_steps: Integer scalar, at least 1.

        Returns:
            The logs before the last step and, under `LATEST`, the contents of a
            `Latest`.
        """
        return TrainLoop(self).run(num_steps)

    def evaluate(self) -> list[tf.Tensor]:
        """Returns layer outputs, cost and accuracy on the truth table.

        Returns:
            The outputs of each layer, [samples, units, R], the last one as probability;
            then the cost and the accuracy, [R] each: the order of a `Snapshot`.
        """
        *hidden, logits = self.forward(self.x)
        probability = self.probability(logits)
        cost, accuracy = self.replica_cost(logits), self.replica_accuracy(probability)
        return [*hidden, probability, cost, accuracy]
