"""Trains networks of several experiments side by side, and says how each one ended."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.statistics import finite_or_nan
from deepxor.xor.config import Experiment
from deepxor.xor.monitor.diagnosis import WINDOW, replica_verdicts
from deepxor.xor.network.build import (
    build_networks,
    learning_rates,
    set_initial_weights,
)
from deepxor.xor.network.initial import Network
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.train import fit_batches


def train_networks(networks: Sequence[Network]) -> list[dict[str, Any]]:
    """Trains networks side by side.

    The compiled loop of the latest call is used again if the networks are as many and
    have the same `Experiment.common`.

    Args:
        networks: The networks, R of them, with the same `Experiment.common`.

    Returns:
        For each network, by name: "solved", 1 if it is right on every sample, else 0;
        "accuracy" and "cost" at the end; "first_gradient" and "last_gradient", the
        gradient norms of the first and the last layer before the first step; NaN for a
        number that is not finite; and "verdict", as `replica_verdicts` returns it. The
        verdict looks at the records at which that of an experiment looks.
    """
    common = networks[0].experiment.common
    side_by_side = _side_by_side(common, len(networks))
    side_by_side.restart(networks)
    records = Records()
    batches = plan_records(common.num_steps, common.log_every)
    fit_batches(side_by_side.model, batches, [records])
    return _results(side_by_side.model, records)


def plan_records(num_steps: int, log_every: int) -> list[int]:
    """Returns the sizes of the training batches between records.

    Args:
        num_steps: The number of steps in all.
        log_every: The number of steps from one record to the next.

    Returns:
        The number of steps of each batch. The first is 0, for a record before the first
        step; then each of the latest `WINDOW` multiples of `log_every`, the last step
        among them, is one step after a batch; the last batch ends the training.
    """
    last = num_steps - 1
    multiples = range(last - last % log_every, -1, -log_every)
    steps = [last] if last % log_every else []
    for step in multiples:
        if len(steps) == WINDOW:
            break
        steps.append(step)
    ends = [0, *reversed(steps), num_steps]
    return [0, *np.diff(ends).tolist()]


class Records(keras.callbacks.Callback):
    """Keeps the gradient norms and the costs of all networks after each batch.

    Attributes:
        norms: The norms of the gradients with respect to the weights after each batch,
            float32 [layers, R] each.
        costs: The costs with these weights, float32 [R] each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norms: list[np.ndarray] = []
        self.costs: list[np.ndarray] = []

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Keeps what the batch hands over."""
        latest = self.model.latest
        (norms,) = next(iter(latest.kept.values()))
        self.norms.append(np.asarray(norms))
        self.costs.append(np.asarray(latest.rows[-2]))


class GradientNorms:
    """Measures each layer's gradient after a training batch, as an `Observer`.

    That takes one more backward pass a batch, and nothing in its steps.

    Args:
        model: The network.
    """

    def __init__(self, model: ReplicaNetwork) -> None:
        self._model = model

    def init(self, replicas: int | tf.Tensor) -> list[tf.Tensor]:
        """Returns no tensor, as nothing is kept from step to step."""
        return []

    def update(
        self, i: tf.Tensor, gradients: list[tf.Tensor], kept: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Returns no tensor."""
        return kept

    def finalize(self, kept: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the L2 norm of each layer's gradient, [layers, R]."""
        gradients = self._model.gradients()
        pairs = zip(gradients[::2], gradients[1::2], strict=True)
        return [tf.stack([_norm(kernel, bias) for kernel, bias in pairs])]


def _norm(kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Returns the norm of a kernel [inputs, units, R] and a bias [units, R].

    The largest element is divided out first, as the square of a number below 1e-19 is 0
    in float32, and that of one above 1e19 infinite.
    """
    values = tf.concat([kernel, bias[None]], 0)
    largest = tf.reduce_max(tf.abs(values), axis=[0, 1])
    is_plain = (largest > 0) & tf.math.is_finite(largest)
    scale = tf.where(is_plain, largest, 1)
    squares = tf.square(values / scale)
    return scale * tf.sqrt(tf.reduce_sum(tf.reduce_sum(squares, axis=0), axis=0))


class _SideBySide:
    """Holds a model that is traced once, and trained again from other weights."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self.model = build_networks(networks)
        self.model.observers.append(GradientNorms(self.model))
        variables = self.model.optimizer.variables
        self._initial = [variable.numpy() for variable in variables]

    def restart(self, networks: Sequence[Network]) -> None:
        """Sets weights, optimizer and learning rates to those of other networks."""
        optimizer = self.model.optimizer
        for variable, value in zip(optimizer.variables, self._initial, strict=True):
            variable.assign(value)
        optimizer.factors.assign(learning_rates(networks))
        set_initial_weights(self.model, networks)


@functools.lru_cache(maxsize=1)
def _side_by_side(common: Experiment, count: int) -> _SideBySide:
    return _SideBySide([Network(common, replica) for replica in range(count)])


def _results(model: ReplicaNetwork, records: Records) -> list[dict[str, Any]]:
    end = model.unpack(model.latest.rows)
    first = records.norms[0]
    history = {
        "layer": [layer.name for layer in model.stack],
        "first": first,
        # The batches end before the steps of the records; the last one's is no record.
        "recent": np.array(records.norms[1:-1]),
        "loss": np.array([records.costs[0], records.costs[-2]]),
    }
    is_solved = end.accuracy == 1
    verdicts = replica_verdicts(history, is_solved)
    return [
        {
            "solved": int(is_solved[r]),
            "accuracy": float(end.accuracy[r]),
            "cost": finite_or_nan(end.cost[r]),
            "first_gradient": finite_or_nan(first[0, r]),
            "last_gradient": finite_or_nan(first[-1, r]),
            "verdict": verdicts[r],
        }
        for r in range(model.replicas)
    ]
