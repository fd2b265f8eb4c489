"""Layers that carry many replicas, and the Keras model made of them.

R independent networks lie side by side with the replica axis last: kernels are
[inputs, units, R], activations [batch, units, R]. For layers this small, XLA turns a
multiply and a sum into a few loops that vectorise over replicas; a batched matmul is
some thirty times slower. R = 1 is the single network, by the same code.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from deepxor.backprop.chain import Chain, Link
from deepxor.nn.activations import MAXOUT, activation_function
from deepxor.nn.initializers import INITIALIZERS
from deepxor.xor.blocks import block_sizes
from deepxor.xor.config import HYPOTHESIS, Experiment
from deepxor.xor.data import xor
from deepxor.xor.optimizers import make_optimizer

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

    def __init__(self, units: int, replicas: int, pieces: int = 2, **kwargs) -> None:
        super().__init__(units * pieces, replicas, **kwargs)
        self.pieces = pieces
        self.has_activation = True

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.units // self.pieces, self.replicas)

    def activate(self, z: tf.Tensor) -> tf.Tensor:
        """Maps pre-activations [batch, columns, R] to [batch, units, R]."""
        with tf.name_scope(MAXOUT):
            # Not of all replicas: a block of them, or those of a picture.
            replicas = count_replicas(z)
            shape = [-1, self.units // self.pieces, self.pieces, replicas]
            return tf.reduce_max(tf.reshape(z, shape), axis=2)


class Observer(Protocol):
    """Sees the steps of a compiled loop from inside; see `ReplicaNetwork.observers`."""

    def init(self, replicas: int | tf.Tensor) -> list[tf.Tensor]:
        """Returns what it keeps before the first step: tensors of [..., replicas].

        Args:
            replicas: Of the block at hand; the model's variables have as many now.
        """

    def update(
        self, i: tf.Tensor, gradients: list[tf.Tensor], kept: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Returns what it keeps after a step: tensors as it kept before.

        Args:
            i: The step's number in the training batch, from 0.
            gradients: That made the step: [..., replicas] of each trainable variable.
            kept: What it kept before.
        """

    def finalize(self, kept: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns what it hands over after the last step: few tensors of [..., R].

        Args:
            kept: What it kept.
        """


class Snapshot(NamedTuple):
    """What there is to show of networks side by side.

    Attributes:
        weights: Kernel [inputs, units, R] and bias [units, R] of each layer in turn.
        outputs: [samples, units, R] of each layer on the truth table, the hypothesis as
            probability.
        cost: [R].
        accuracy: [R].
    """

    weights: list[np.ndarray]
    outputs: list[np.ndarray]
    cost: np.ndarray
    accuracy: np.ndarray


class Latest(NamedTuple):
    """What a training batch hands over; nothing changes it any more.

    A few tensors, as each costs Keras some time.

    Attributes:
        step: The number of its last step; to read it from the optimizer takes longer.
        rows: For `ReplicaNetwork.unpack`, after its last step.
        kept: What each of the model's observers hands over.
    """

    step: int
    rows: tf.Tensor
    kept: Mapping[Observer, Sequence[tf.Tensor]]


# The key under which a batch's logs have what makes a `Latest`, until Keras gets them.
LATEST = "latest"


class ReplicaNetwork(keras.Model):
    """R networks that learn one truth table; a training batch is a number of steps.

    `fit` takes a data set of integers. For each of them `train_step` runs that many
    optimizer steps in one compiled loop, every step on the whole truth table.

    Args:
        stack: Layers in forward order; the last gives logits [batch, 1, R].
        x: float [samples, inputs].
        y: float [samples, 1], 0 or 1.

    Attributes:
        observers: See every step from the next training batch on. Those that callbacks
            add during a `fit` see that one only.
        latest: The latest training batch's `Latest`.
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
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.stack = stack
        self.replicas = stack[-1].replicas
        self.x = x.astype(self.compute_dtype)
        self.y = y.astype(self.compute_dtype)
        shape: tuple = (len(x), x.shape[1], 1)
        output_shapes = []
        for layer in stack:
            layer.build(shape)
            layer.built = True
            shape = layer.compute_output_shape(shape)
            output_shapes.append(shape[:-1])
        self.built = True
        weight_shapes = [tuple(v.shape[:-1]) for v in self.trainable_variables]
        # Past Keras's own, which would track what is in them.
        object.__setattr__(self, "observers", [])
        shapes = [*weight_shapes, *output_shapes, (), ()]
        object.__setattr__(self, "_row_shapes", shapes)

    def forward(
        self,
        x: np.ndarray | tf.Tensor,
        barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
    ) -> list[tf.Tensor]:
        """Returns the outputs of all layers.

        Calls `layer.call` under the layer's own name rather than the layer itself,
        whose `__call__` would open a second scope of that name in TensorBoard's graph.

        Args:
            x: [batch, inputs].
            barrier: What the pre-activations pass, as `gradient_barrier` makes it.

        Returns:
            A list of [batch, units, R] in forward order; the last are the logits.
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
            x: [batch, inputs].

        Returns:
            [batch, R].
        """
        return self.probability(self.forward(x)[-1])[:, 0]

    def hypothesis(self, weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
        """Returns the hypothesis of networks with other weights.

        By matrix products, outside of the compiled loop: for the many points of a
        picture they take a third of the time of `call`.

        Args:
            weights: As the trainable variables, of any number R of replicas.
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

    def optimizer_step(
        self, barrier: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    ) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """Takes one optimizer step on the whole truth table.

        The loss is the sum over replicas, so that no replica feels another.

        The graph it was last traced into is kept as `step_graph`, for TensorBoard.

        Args:
            barrier: As `forward` takes it.

        Returns:
            The gradients that made the step, one of each trainable variable; cost and
            accuracy of each replica before the step, both [R].
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

    def snapshot(self) -> Snapshot:
        """Returns weights, layer outputs, costs and accuracies as they are now."""
        weights = [weight.value for weight in self.trainable_variables]
        return self.unpack(pack([*weights, *self._evaluate()]))

    def unpack(self, rows: tf.Tensor) -> Snapshot:
        """Returns the snapshot that a training batch has handed over.

        Args:
            rows: `Latest.rows`.
        """
        ends = np.cumsum([math.prod(shape) for shape in self._row_shapes])
        parts = [
            part.reshape(*shape, -1)
            for part, shape in zip(
                np.split(np.asarray(rows), ends[:-1]), self._row_shapes, strict=True
            )
        ]
        count = len(self.trainable_variables)
        return Snapshot(parts[:count], parts[count:-2], *parts[-2:])

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """As Keras does; however it ends, the observers are those before it."""
        before = list(self.observers)
        try:
            return super().fit(*args, **kwargs)
        finally:
            self.observers[:] = before

    def make_train_function(self, force: bool = False) -> None:
        """As Keras does; what the steps hand over beside the logs goes to `latest`.

        A step is traced with the observers at hand; with others it is traced anew.
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
        # A monitor's may be in its place.
        before = self.train_function
        super().make_train_function(force=True)
        function, self.train_function = self.train_function, before
        return function

    def train_step(self, num_steps: tf.Tensor) -> dict[str, Any]:
        """Runs `num_steps` optimizer steps; returns the logs before the last of them.

        Blocks of replicas run at the same time, each on a core. The compiled loop of a
        block maps values of the variables to new ones, so that all of them share it.

        Args:
            num_steps: An integer scalar of at least 1.

        Returns:
            "loss", the mean cost of the replicas where it is finite; "accuracy", the
            mean; "solved" and "diverged", the fractions of replicas with accuracy 1 and
            with a cost that is not finite. `LATEST` has what makes a `Latest`.
        """
        variables = [*self.trainable_variables, *self.optimizer.variables]
        sizes = block_sizes(self.replicas)
        run = self._compiled_loop(variables, num_steps.dtype, sizes)
        parts = [
            # A step counter or a learning rate is the same for all.
            tf.split(v.value, sizes, -1) if v.shape.rank else [v.value] * len(sizes)
            for v in variables
        ]
        blocks = [run(num_steps, list(values)) for values in zip(*parts, strict=True)]
        state, rows, kept, logs = tf.nest.map_structure(_join, *blocks)
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)
        # Tuples, as tf.data, by which Keras passes this on, makes one tensor of a list.
        return {**_logs(*logs), LATEST: (rows, tuple(map(tuple, kept)))}

    def _compiled_loop(
        self, variables: Sequence[keras.Variable], dtype: tf.DType, sizes: Sequence[int]
    ) -> Callable[[tf.Tensor, list[tf.Tensor]], tuple]:
        """Returns `_run`, which is traced once and compiled once for each size."""
        # Where there is a single block its size is known, and the graph is simpler.
        size = sizes[0] if len(sizes) == 1 else None
        specs = [
            tf.TensorSpec([*v.shape[:-1], size] if v.shape.rank else [], v.dtype)
            for v in variables
        ]
        return tf.function(
            functools.partial(self._run, variables),
            [tf.TensorSpec([], dtype), specs],
            autograph=False,
            jit_compile=True,
        )

    def _run(
        self,
        variables: Sequence[keras.Variable],
        num_steps: tf.Tensor,
        values: list[tf.Tensor],
    ) -> tuple:
        """Runs the steps of a block.

        Args:
            variables: Those of the model and the optimizer.
            num_steps: An integer scalar.
            values: Of the variables, for the block's replicas.

        Returns:
            The new values; `Latest.rows`; the observers' results; and costs and
            accuracies before the last step.
        """
        replicas = count_replicas(values[0])
        none = tf.zeros([replicas], self.compute_dtype)
        barrier = gradient_barrier(tf.cast(num_steps > 0, self.compute_dtype))

        owned = len(self.trainable_variables)
        names = [f"{'train/' * (i >= owned)}{v.path}" for i, v in enumerate(variables)]

        def step(i: tf.Tensor, state: list, kept: list, *_: tf.Tensor) -> tuple:
            # As they are to be called in TensorBoard's graph.
            state = [tf.identity(x, n) for x, n in zip(state, names, strict=True)]
            with _holding(variables, state) as scope:
                gradients, *logs = self.optimizer_step(barrier)
            state = [scope.get_current_value(variable) for variable in variables]
            pairs = zip(self.observers, kept, strict=True)
            kept = [observer.update(i, gradients, old) for observer, old in pairs]
            return i + 1, state, kept, *logs

        with _holding(variables, values):
            start = [observer.init(replicas) for observer in self.observers]
        _, state, kept, *logs = tf.while_loop(
            lambda i, *_: i < num_steps,
            step,
            [tf.zeros_like(num_steps), values, start, none, none],
        )
        with _holding(variables, state):
            rows = pack([*state[:owned], *self._evaluate()])
        pairs = zip(self.observers, kept, strict=True)
        results = [observer.finalize(last) for observer, last in pairs]
        return state, rows, results, logs

    def _evaluate(self) -> list[tf.Tensor]:
        """Returns a snapshot's outputs, cost and accuracy."""
        *hidden, logits = self.forward(self.x)
        probability = self.probability(logits)
        cost, accuracy = self.replica_cost(logits), self.replica_accuracy(probability)
        return [*hidden, probability, cost, accuracy]


def gradient_barrier(one: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns an identity whose gradient XLA computes once.

    The gradient with respect to a layer's pre-activations goes into that of its bias,
    of each of its weights and of each of its inputs. XLA would rather compute it from
    the activation's slope in all of these places, for a quarter of a step's time. It
    never repeats a division; one by 1 changes no bit.

    Args:
        one: A scalar 1, of which XLA must not know what it is.
    """

    @tf.custom_gradient
    def barrier(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.identity(z), lambda gradient: gradient / one

    return barrier


def _logs(cost: tf.Tensor, accuracy: tf.Tensor) -> dict[str, tf.Tensor]:
    finite = tf.math.is_finite(cost)
    count = tf.math.count_nonzero(finite, dtype=cost.dtype)
    return {
        "loss": tf.reduce_sum(tf.where(finite, cost, 0)) / count,
        "accuracy": tf.reduce_mean(accuracy),
        "solved": tf.reduce_mean(tf.cast(accuracy == 1, cost.dtype)),
        "diverged": tf.reduce_mean(tf.cast(~finite, cost.dtype)),
    }


def pack(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns tensors of [..., R] as the rows of one [rows, R]."""
    replicas = count_replicas(values[0])
    return tf.concat([tf.reshape(value, [-1, replicas]) for value in values], 0)


def count_replicas(value: tf.Tensor | np.ndarray) -> int | tf.Tensor:
    """Returns R of a tensor [..., R], as a number where it is known."""
    known = value.shape[-1]
    return tf.shape(value)[-1] if known is None else known


def _join(*values: tf.Tensor) -> tf.Tensor:
    """Returns what blocks have computed, side by side."""
    return tf.concat(values, -1) if values[0].shape.rank else values[0]


@contextlib.contextmanager
def _holding(
    variables: Sequence[keras.Variable], values: Sequence[tf.Tensor]
) -> Iterator[keras.StatelessScope]:
    """Lets variables have other values in this context, and what is assigned to them.

    The values may be those of any number of replicas.
    """
    with keras.StatelessScope() as scope:
        for variable, value in zip(variables, values, strict=True):
            # The scope's own argument takes a variable's whole shape only.
            scope.add_update((variable, tf.convert_to_tensor(value)))
        yield scope


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
    # It compiles its loop itself, block by block.
    model.compile(optimizer=optimizer, jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model
