"""Many optimizer steps a call: the compiled loop in which networks are trained.

A block of replicas is trained in one `tf.while_loop`, which maps the values of its
variables to new ones. All blocks share the compiled loop and run at the same time, each
on a core.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import keras
import tensorflow as tf

from deepxor.xor.network.blocks import block_sizes
from deepxor.xor.network.layers import count_replicas, gradient_barrier
from deepxor.xor.network.snapshot import pack


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


class Trainable(Protocol):
    """What the loop needs of the networks that it trains: see `ReplicaNetwork`."""

    replicas: int
    compute_dtype: str
    optimizer: keras.optimizers.Optimizer
    trainable_variables: Sequence[keras.Variable]
    observers: Sequence[Observer]

    def optimizer_step(
        self, barrier: Callable[[tf.Tensor], tf.Tensor]
    ) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """Takes one optimizer step and returns gradients, costs and accuracies."""

    def evaluate(self) -> list[tf.Tensor]:
        """Returns outputs, cost and accuracy, in the order of a `Snapshot`."""


class TrainLoop:
    """The steps of one training batch.

    Args:
        network: The networks that are trained.
    """

    def __init__(self, network: Trainable) -> None:
        self._network = network

    def run(self, num_steps: tf.Tensor) -> dict[str, Any]:
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
        variables = [
            *self._network.trainable_variables,
            *self._network.optimizer.variables,
        ]
        sizes = block_sizes(self._network.replicas)
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
    ) -> Callable[[tf.Tensor, list[tf.Tensor]], tuple[Any, ...]]:
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
    ) -> tuple[Any, ...]:
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
        none = tf.zeros([replicas], self._network.compute_dtype)
        barrier = gradient_barrier(tf.cast(num_steps > 0, self._network.compute_dtype))

        owned = len(self._network.trainable_variables)
        names = [f"{'train/' * (i >= owned)}{v.path}" for i, v in enumerate(variables)]

        def step(
            i: tf.Tensor, state: list[Any], kept: list[Any], *_: tf.Tensor
        ) -> tuple[Any, ...]:
            # As they are to be called in TensorBoard's graph.
            state = [tf.identity(x, n) for x, n in zip(state, names, strict=True)]
            with _holding(variables, state) as scope:
                gradients, *logs = self._network.optimizer_step(barrier)
            state = [scope.get_current_value(variable) for variable in variables]
            pairs = zip(self._network.observers, kept, strict=True)
            kept = [observer.update(i, gradients, old) for observer, old in pairs]
            return i + 1, state, kept, *logs

        with _holding(variables, values):
            start = [observer.init(replicas) for observer in self._network.observers]
        _, state, kept, *logs = tf.while_loop(
            lambda i, *_: i < num_steps,
            step,
            [tf.zeros_like(num_steps), values, start, none, none],
        )
        with _holding(variables, state):
            rows = pack([*state[:owned], *self._network.evaluate()])
        pairs = zip(self._network.observers, kept, strict=True)
        results = [observer.finalize(last) for observer, last in pairs]
        return state, rows, results, logs


def _logs(cost: tf.Tensor, accuracy: tf.Tensor) -> dict[str, tf.Tensor]:
    finite = tf.math.is_finite(cost)
    count = tf.math.count_nonzero(finite, dtype=cost.dtype)
    return {
        "loss": tf.reduce_sum(tf.where(finite, cost, 0)) / count,
        "accuracy": tf.reduce_mean(accuracy),
        "solved": tf.reduce_mean(tf.cast(accuracy == 1, cost.dtype)),
        "diverged": tf.reduce_mean(tf.cast(~finite, cost.dtype)),
    }


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
