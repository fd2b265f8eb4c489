"""The compiled loop that trains networks: it runs many optimizer steps a call.

The replicas are divided into blocks. A block is trained in one `tf.while_loop`, which
maps the values of its variables to new ones. All blocks share the compiled loop and run
at the same time, each on a core.
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
        """Returns the tensors that the observer keeps before the first step.

        Args:
            replicas: The number of replicas of the current block; during this call the
                model's variables have that many.

        Returns:
            Tensors [..., replicas].
        """

    def update(
        self, i: tf.Tensor, gradients: list[tf.Tensor], kept: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Returns the tensors that the observer keeps after a step.

        Args:
            i: The number of the step in the training batch, counted from 0.
            gradients: The gradients that made the step, [..., replicas] for each
                trainable variable.
            kept: The tensors that the observer kept before the step.

        Returns:
            Tensors of the same shapes and types as `kept`.
        """

    def finalize(self, kept: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the tensors that the observer hands over after the last step.

        Args:
            kept: The tensors that the observer kept after the last step.

        Returns:
            A few tensors [..., replicas].
        """


class Latest(NamedTuple):
    """Holds what a training batch hands over; it does not change afterwards.

    It has only a few tensors, as each costs Keras some time.

    Attributes:
        step: The number of the batch's last step; reading it from the optimizer takes
            longer.
        rows: [rows, R], the state after the last step, for `ReplicaNetwork.unpack`.
        kept: Maps each of the model's observers to the tensors that it handed over.
    """

    step: int
    rows: tf.Tensor
    kept: Mapping[Observer, Sequence[tf.Tensor]]


# The key of the logs under which a batch returns the contents of a `Latest`. It is
# removed before Keras gets the logs.
LATEST = "latest"


class Trainable(Protocol):
    """Declares what the loop needs of its networks; see `ReplicaNetwork`."""

    replicas: int
    compute_dtype: str
    optimizer: keras.optimizers.Optimizer
    trainable_variables: Sequence[keras.Variable]
    observers: Sequence[Observer]

    def optimizer_step(
        self, barrier: Callable[[tf.Tensor], tf.Tensor]
    ) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """Takes one optimizer step and returns gradients, costs and accuracies.

        Args:
            barrier: A function that the pre-activations are passed through.
        """

    def evaluate(self) -> list[tf.Tensor]:
        """Returns layer outputs, cost and accuracy, in the order of a `Snapshot`."""


class TrainLoop:
    """Runs the steps of one training batch.

    Args:
        network: The networks that are trained.
    """

    def __init__(self, network: Trainable) -> None:
        self._network = network

    def run(self, num_steps: tf.Tensor) -> dict[str, Any]:
        """Runs `num_steps` optimizer steps and returns the logs before the last one.

        Blocks of replicas run at the same time, each on a core. The compiled loop maps
        values of the variables to new values, so that all blocks can share it.

        Args:
            num_steps: Integer scalar, at least 1.

        Returns:
            Scalars: "loss", the mean cost over the replicas whose cost is finite;
            "accuracy", the mean accuracy; "solved" and "diverged", the fractions of
            replicas with an accuracy of 1 and with a cost that is not finite. The entry
            `LATEST` has the contents of a `Latest`.
        """
        variables = [
            *self._network.trainable_variables,
            *self._network.optimizer.variables,
        ]
        sizes = block_sizes(self._network.replicas)
        run = self._compiled_loop(variables, num_steps.dtype, sizes)
        parts = [
            # A scalar, a step counter or a learning rate, is the same for all blocks.
            tf.split(v.value, sizes, -1) if v.shape.rank else [v.value] * len(sizes)
            for v in variables
        ]
        blocks = [run(num_steps, list(values)) for values in zip(*parts, strict=True)]
        state, rows, kept, logs = tf.nest.map_structure(_join, *blocks)
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)
        # Tuples are used since Keras passes the result on through tf.data, which would
        # make one tensor of a list.
        return {**_logs(*logs), LATEST: (rows, tuple(map(tuple, kept)))}

    def _compiled_loop(
        self, variables: Sequence[keras.Variable], dtype: tf.DType, sizes: Sequence[int]
    ) -> Callable[[tf.Tensor, list[tf.Tensor]], tuple[Any, ...]]:
        """Returns `_run` as a function traced once and compiled once for each size."""
        # With a single block the size is static, which makes the graph simpler.
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
            variables: The variables of the model, then those of the optimizer.
            num_steps: Integer scalar, at least 1.
            values: The values of the variables for the block's replicas.

        Returns:
            The new values; the `rows` of a `Latest`; the results of the observers; and
            the costs and accuracies before the last step.
        """
        replicas = count_replicas(values[0])
        none = tf.zeros([replicas], self._network.compute_dtype)
        barrier = gradient_barrier(tf.cast(num_steps > 0, self._network.compute_dtype))

        owned = len(self._network.trainable_variables)
        names = [f"{'train/' * (i >= owned)}{v.path}" for i, v in enumerate(variables)]

        def step(
            i: tf.Tensor, state: list[Any], kept: list[Any], *_: tf.Tensor
        ) -> tuple[Any, ...]:
            # The names are those that TensorBoard's graph shows.
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
    """Joins results of blocks along the replica axis; of scalars takes the first."""
    return tf.concat(values, -1) if values[0].shape.rank else values[0]


@contextlib.contextmanager
def _holding(
    variables: Sequence[keras.Variable], values: Sequence[tf.Tensor]
) -> Iterator[keras.StatelessScope]:
    """Lets variables have given values in this context, until others are assigned.

    The values may have any number of replicas. The variables themselves do not change.
    """
    with keras.StatelessScope() as scope:
        for variable, value in zip(variables, values, strict=True):
            # The constructor of the scope takes only values of the variable's shape.
            scope.add_update((variable, tf.convert_to_tensor(value)))
        yield scope
