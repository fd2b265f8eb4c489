"""The traced functions that train networks of one shape, any number at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deepxor.nn.keras_activation import activation_function
from deepxor.nn.optimizers import make_optimizer
from deepxor.vision.perceptrons.config import PerceptronExperiment
from deepxor.vision.perceptrons.digits import digits
from deepxor.vision.perceptrons.network import (
    accuracy,
    cost,
    forward,
    gradients,
    parts,
)
from deepxor.vision.perceptrons.record import measure
from deepxor.vision.perceptrons.weights import NETWORKS, block_shapes

# The number of networks of the optimizer's variables, whose values in the loop are of
# any number. If it were 1, Keras would take some blocks for a bias to add.
SOME = 2


class Score(NamedTuple):
    """Holds how good networks are.

    Attributes:
        cost: The cross-entropy over all training pictures, [R].
        accuracy: The share of right answers on the test pictures, [R].
    """

    cost: np.ndarray
    accuracy: np.ndarray


class TrainLoop:
    """Trains networks of one shape.

    The functions are traced once, for any number of networks.

    Args:
        experiment: The settings, of which only those of the `shape_key` matter.

    Attributes:
        traces: How many times a function has been traced.
    """

    def __init__(self, experiment: PerceptronExperiment) -> None:
        self.traces = 0
        self._experiment = experiment
        self._activation = activation_function(experiment.activation)
        self._variables = [
            keras.Variable(np.zeros((layers, SOME, inputs + 1, units), np.float32))
            for layers, inputs, units in block_shapes(experiment)
        ]
        self._optimizer = make_optimizer(experiment.optimizer, np.ones((SOME, 1, 1)))
        self._optimizer.build(self._variables)
        self._slots = [
            variable
            for variable in self._optimizer.variables
            if variable is not self._optimizer.factors
        ]
        state = [_spec(variable) for variable in (*self._variables, *self._slots)]
        rates = tf.TensorSpec([None, 1, 1])
        batches = tf.TensorSpec([None, None, experiment.batch_size], tf.int32)
        blocks = state[: len(self._variables)]
        self._run = _traced(self._traced_run, [state, rates, batches])
        self._evaluate = _traced(self._traced_evaluate, [blocks])

    def start(self, weights: Sequence[np.ndarray]) -> list[tf.Tensor]:
        """Returns the state of networks before their first step.

        Args:
            weights: The blocks, as `initial_weights` returns them.
        """
        count = weights[0].shape[NETWORKS]
        slots = [
            np.repeat(slot.numpy()[:, :1], count, NETWORKS)
            if slot.ndim
            else slot.numpy()
            for slot in self._slots
        ]
        return [tf.constant(value) for value in (*weights, *slots)]

    def run(
        self, state: Sequence[tf.Tensor], rates: np.ndarray, batches: np.ndarray
    ) -> tuple[list[tf.Tensor], np.ndarray, np.ndarray]:
        """Takes steps and measures the first of them.

        Args:
            state: The state, as `start` or this method returns it.
            rates: The learning rate of each network, [R].
            batches: The indices of the pictures of each step, int32 [steps, R, batch].

        Returns:
            The state after the steps; and of the first step the quantities, float32
            [quantities, layers, R], and the costs, [R].
        """
        rates = np.asarray(rates, np.float32)[:, None, None]
        after, table, costs = self._run(list(state), rates, batches)
        return after, table.numpy(), costs.numpy()

    def evaluate(self, state: Sequence[tf.Tensor]) -> Score:
        """Returns how good networks are.

        Args:
            state: The state, as `start` or `run` returns it.
        """
        found = self._evaluate(list(state[: len(self._variables)]))
        return Score(*(value.numpy() for value in found))

    def _traced_run(
        self, state: list[tf.Tensor], rates: tf.Tensor, batches: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        self.traces += 1
        owned = len(self._variables)
        before = state[:owned]
        x, y = _pictures(batches[0])
        slopes, found, costs = gradients(before, x, y, self._activation)
        state = self._update(state, slopes, rates)
        name = self._experiment.activation
        table = measure(before, state[:owned], slopes, found, name)

        def step(i: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
            x, y = _pictures(batches[i])
            slopes, _, _ = gradients(values[:owned], x, y, self._activation)
            return [i + 1, *self._update(list(values), slopes, rates)]

        count = tf.shape(batches)[0]
        _, *state = tf.while_loop(
            lambda i, *_: i < count,
            step,
            [1, *state],
            shape_invariants=[tf.TensorShape([]), *(value.shape for value in state)],
            parallel_iterations=1,
        )
        return state, table, costs

    def _update(
        self, state: Sequence[tf.Tensor], slopes: Sequence[tf.Tensor], rates: tf.Tensor
    ) -> list[tf.Tensor]:
        """Returns the state after an update by the optimizer."""
        variables = [*self._variables, *self._slots]
        with keras.StatelessScope() as scope:
            # The scope's own argument takes values of the variable's whole shape only.
            for variable, value in zip(variables, state, strict=True):
                scope.add_update((variable, value))
            scope.add_update((self._optimizer.factors, rates))
            self._optimizer.apply(slopes, self._variables)
        return [
            tf.ensure_shape(scope.get_current_value(variable), value.shape)
            for variable, value in zip(variables, state, strict=True)
        ]

    def _traced_evaluate(self, blocks: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        self.traces += 1
        weights = parts(blocks)
        replicas = tf.shape(blocks[0])[NETWORKS]
        data = digits()
        logits, targets = [], []
        for x, y in ((data.x, data.y), (data.x_test, data.y_test)):
            logits.append(forward(weights, tf.constant(x)[None], self._activation)[1])
            targets.append(tf.repeat(tf.constant(y)[None], replicas, axis=0))
        return cost(logits[0], targets[0]), accuracy(logits[1], targets[1])


def train_loop(experiment: PerceptronExperiment) -> TrainLoop:
    """Returns the loop of an experiment's shape, which the process keeps.

    Args:
        experiment: The settings.
    """
    if experiment.shape_key not in _KEPT:
        # A sweep trains one shape after the other, and the graph of a deep one takes
        # memory.
        _KEPT.clear()
        _KEPT[experiment.shape_key] = TrainLoop(experiment)
    return _KEPT[experiment.shape_key]


_KEPT: dict[tuple[Any, ...], TrainLoop] = {}


def _traced(function: Any, specs: list[Any]) -> Any:
    return tf.function(function, specs, autograph=False)


def _spec(variable: keras.Variable) -> tf.TensorSpec:
    """Returns the type of a variable's value for any number of networks."""
    shape = list(variable.shape)
    if shape:
        shape[NETWORKS] = None
    return tf.TensorSpec(shape, variable.dtype)


def _pictures(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pictures of a batch and their classes."""
    data = digits()
    return tf.gather(tf.constant(data.x), batch), tf.gather(tf.constant(data.y), batch)
