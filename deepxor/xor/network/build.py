"""Builds the compiled models of experiments with their initial weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepxor.nn.activations import MAXOUT
from deepxor.nn.keras_activation import activation_function
from deepxor.nn.optimizers import make_optimizer
from deepxor.xor.config import HYPOTHESIS, Experiment
from deepxor.xor.data import xor
from deepxor.xor.network.initial import Network, initial_weights
from deepxor.xor.network.layers import (
    ReplicaDense,
    ReplicaMaxout,
)
from deepxor.xor.network.model import ReplicaNetwork


def build(experiment: Experiment, dtype: str = "float32") -> ReplicaNetwork:
    """Returns the compiled model of an experiment with its initial weights.

    Args:
        experiment: The settings.
        dtype: The type of weights and computation; float64 measures smaller gradients.

    Returns:
        A model whose `fit` takes a `tf.data.Dataset` of numbers of steps.
    """
    networks = [Network(experiment, r) for r in range(experiment.replicas)]
    return _build(networks, experiment.learning_rate, dtype)


def build_networks(networks: Sequence[Network]) -> ReplicaNetwork:
    """Returns the compiled model of networks of several experiments side by side.

    Args:
        networks: The networks, R of them, with the same `Experiment.common`.

    Returns:
        A model whose `fit` takes a `tf.data.Dataset` of numbers of steps.
    """
    return _build(networks, learning_rates(networks))


def learning_rates(networks: Sequence[Network]) -> np.ndarray:
    """Returns the learning rate of each network, float32 [R]."""
    return np.array([each.experiment.learning_rate for each in networks], np.float32)


def set_initial_weights(model: ReplicaNetwork, networks: Sequence[Network]) -> None:
    """Sets the weights of a model to the initial ones of networks.

    Args:
        model: A model of as many replicas as there are networks.
        networks: The networks.
    """
    weights = initial_weights(networks, [layer.pieces for layer in model.stack])
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value)


def _build(
    networks: Sequence[Network],
    learning_rate: float | np.ndarray,
    dtype: str = "float32",
) -> ReplicaNetwork:
    experiment = networks[0].experiment
    units = (*experiment.hidden, 1)
    stack = [
        _make_layer(experiment, len(networks), name, n, has_shortcut, dtype)
        for name, n, has_shortcut in zip(
            experiment.layer_names, units, experiment.shortcuts, strict=True
        )
    ]
    x, y = xor(experiment.bits)
    model = ReplicaNetwork(stack, x, y, name=experiment.network, dtype=dtype)
    set_initial_weights(model, networks)
    optimizer = make_optimizer(experiment.optimizer, learning_rate)
    # The model compiles its loop itself, block by block.
    model.compile(optimizer=optimizer, jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model


def _make_layer(
    experiment: Experiment,
    replicas: int,
    name: str,
    units: int,
    has_shortcut: bool,
    dtype: str,
) -> ReplicaDense:
    if name == HYPOTHESIS:
        return ReplicaDense(1, replicas, name=name, dtype=dtype)
    if experiment.activation == MAXOUT:
        return ReplicaMaxout(
            units,
            replicas,
            experiment.pieces,
            has_shortcut=has_shortcut,
            name=name,
            dtype=dtype,
        )
    return ReplicaDense(
        units,
        replicas,
        activation_function(experiment.activation, experiment.alpha),
        experiment.activation,
        has_shortcut,
        name=name,
        dtype=dtype,
    )
