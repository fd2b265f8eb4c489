"""The compiled loop that trains networks, many optimizer steps a call.

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
    """Measures the steps of a compiled loop from inside of it.

    `ReplicaNetwork.observers` is the list of a network's observers.
    """

    def init(self, replicas: int | tf.Tensor) -> list[tf.Tensor]:
        """Returns the tensors to keep before the first step, [..., replicas] each.

        Args:
            replicas: The number of replicas of the block. The model's variables have
                the values of this block during the call.
        """

    def update(
        self, i: tf.Tensor, gradients: list[tf.Tensor], kept: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Returns the tensors to keep after a step, of the same shapes as before it.

        Args:
            i: The number of the step in the training batch, from 0.
            gradients: The gradients of the step, [..., replicas] for each trainable
                variable.
            kept: The tensors kept before the step.
        """

    def finalize(self, kept: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the tensors to hand over after the last step, [..., R] each.

        They should be few, as each costs Keras some time. The model's variables have
        the block's values after the last step during the call.

        Args:
            kept: The tensors kept after the last step.
        """


class Latest(NamedTuple):
    """Holds what a training batch hands over; it does not change afterwards.

    Attributes:
        step: The number of the batch's last step, which is quicker to read here than
            from the optimizer.
        rows: The state after the last step, as `ReplicaNetwork.unpack` takes it.
        kept: The tensors that each of the model's observers hands over.
    """

    step: int
    rows: tf.Tensor
    kept: Mapping[Observer, Sequence[tf.Tensor]]


# The key of the fields of a `Latest` in a batch's logs. It is removed before Keras gets
# the logs.
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
    """Runs the steps of training batches.

    Args:
        network: The network that is trained.
    """

    def __init__(self, network: Trainable) -> None:
        self._network = network

    def run(self, num_steps: tf.Tensor) -> dict[str, Any]:
        """Runs optimizer steps and returns the logs before the last of them.

        Blocks of replicas run at the same time, each on a core. The compiled loop of a
        block maps values of the variables to new ones, so that all blocks share it.

        Args:
            num_steps: The number of steps, an integer scalar; with 0 nothing is changed
                and the logs are without meaning.

        Returns:
            The logs: "loss", the mean of the finite costs of the replicas; "accuracy",
            the mean over the replicas; "solved" and "diverged", the fractions of
            replicas with accuracy 1 and with a cost that is not finite. `LATEST` is the
            key of the fields of a `Latest`.
        """
        variables = [
            *self._network.trainable_variables,
            *self._network.optimizer.variables,
        ]
        sizes = block_sizes(self._network.replicas)
        run = self._compiled_loop(variables, num_steps.dtype, sizes)
        parts = [
            # A step counter or a learning rate is the same for all blocks.
            tf.split(v.value, sizes, -1) if v.shape.rank else [v.value] * len(sizes)
            for v in variables
        ]
        blocks = [run(num_steps, list(values)) for values in zip(*parts, strict=True)]
        state, rows, kept, logs = tf.nest.map_structure(_join, *blocks)
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)
        # These are tuples, as tf.data, with which Keras passes the logs on, would make
        # one tensor of a list.
        return {**_logs(*logs), LATEST: (rows, tuple(map(tuple, kept)))}

    def _compiled_loop(
        self, variables: Sequence[keras.Variable], dtype: tf.DType, sizes: Sequence[int]
    ) -> Callable[[tf.Tensor, list[tf.Tensor]], tuple[Any, ...]]:
        """Returns `_run`, traced once and to be compiled once for each size."""
        # With a single block the size is known, and the graph is simpler.
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
            variables: The variables of the model and the optimizer.
            num_steps: The number of steps, an integer scalar.
            values: The values of the variables for the block's replicas.

        Returns:
            The new values; `Latest.rows`; the results of the observers; and the costs
            and accuracies before the last step, [R] each.
        """
        replicas = count_replicas(values[0])
        none = tf.zeros([replicas], self._network.compute_dtype)
        barrier = gradient_barrier(tf.cast(num_steps > 0, self._network.compute_dtype))

        owned = len(self._network.trainable_variables)
        names = [f"{'train/' * (i >= owned)}{v.path}" for i, v in enumerate(variables)]

        def step(
            i: tf.Tensor, state: list[Any], kept: list[Any], *_: tf.Tensor
        ) -> tuple[Any, ...]:
            # The identities carry the names that TensorBoard's graph shows.
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
    """Returns the results of the blocks, joined along the axis of the replicas."""
    return tf.concat(values, -1) if values[0].shape.rank else values[0]


@contextlib.contextmanager
def _holding(
    variables: Sequence[keras.Variable], values: Sequence[tf.Tensor]
) -> Iterator[keras.StatelessScope]:
    """Gives variables other values, which can be changed, while the context is open.

    Args:
        variables: The variables.
        values: The value of each, which may be of any number of replicas.
    """
    with keras.StatelessScope() as scope:
        for variable, value in zip(variables, values, strict=True):
            # The scope's own argument takes values of the variable's whole shape only.
            scope.add_update((variable, tf.convert_to_tensor(value)))
        yield scope
