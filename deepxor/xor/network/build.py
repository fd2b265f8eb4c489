"""Builds the compiled models of experiments with their initial weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepxor.checks import refuse
from deepxor.nn.activations import MAXOUT
from deepxor.nn.keras_activation import activation_function
from deepxor.xor.config import HYPOTHESIS, Experiment
from deepxor.xor.data import xor
from deepxor.xor.network.initial import Network, initial_weights
from deepxor.xor.network.layers import (
    ReplicaDense,
    ReplicaMaxout,
)
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.optimizers import make_optimizer


def build(experiment: Experiment, dtype: str = "float32") -> ReplicaNetwork:
    """Returns the compiled model of an experiment with its initial weights.

    Args:
        experiment: The settings.
        dtype: The type of weights and computation; float64 measures smaller gradients.

    Returns:
        A model whose `fit` takes a `tf.data.Dataset` of numbers of steps.
    """
    networks = [Network(experiment, r) for r in range(experiment.replicas)]
    return build_networks(networks, dtype)


def build_networks(
    networks: Sequence[Network], dtype: str = "float32"
) -> ReplicaNetwork:
    """Returns the compiled model of networks of several experiments side by side.

    Args:
        networks: The networks, R of them, whose experiments have the same
            `Experiment.trace_key`.
        dtype: The type of weights and computation.

    Returns:
        A model whose `fit` takes a `tf.data.Dataset` of numbers of steps.

    Raises:
        ValueError: If the experiments cannot be trained side by side.
    """
    experiment = networks[0].experiment
    for other in networks:
        if other.experiment.trace_key != experiment.trace_key:
            refuse("networks", other, f"alike in all of {experiment.trace_key}")
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
    rates = [network.experiment.learning_rate for network in networks]
    is_one = len(set(rates)) == 1
    optimizer = make_optimizer(
        experiment.optimizer, rates[0] if is_one else np.array(rates)
    )
    # The model compiles its loop itself, block by block.
    model.compile(optimizer=optimizer, jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model


def set_initial_weights(model: ReplicaNetwork, networks: Sequence[Network]) -> None:
    """Sets the weights of a model to the initial ones of networks.

    Args:
        model: A model of as many replicas as there are networks.
        networks: The networks.
    """
    weights = initial_weights(networks, [layer.pieces for layer in model.stack])
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value)


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
