"""Builds the compiled model of an experiment with its initial weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepxor.nn.activations import MAXOUT
from deepxor.nn.initializers import REPLICA_INITIALIZERS
from deepxor.nn.keras_activation import activation_function
from deepxor.xor.config import HYPOTHESIS, Experiment
from deepxor.xor.data import xor
from deepxor.xor.network.layers import (
    ReplicaDense,
    ReplicaMaxout,
)
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.optimizers import make_optimizer


def _make_layer(
    experiment: Experiment, name: str, units: int, has_shortcut: bool, dtype: str
) -> ReplicaDense:
    if name == HYPOTHESIS:
        return ReplicaDense(1, experiment.replicas, name=name, dtype=dtype)
    if experiment.activation == MAXOUT:
        return ReplicaMaxout(
            units,
            experiment.replicas,
            experiment.pieces,
            has_shortcut=has_shortcut,
            name=name,
            dtype=dtype,
        )
    return ReplicaDense(
        units,
        experiment.replicas,
        activation_function(experiment.activation, experiment.alpha),
        experiment.activation,
        has_shortcut,
        name=name,
        dtype=dtype,
    )


def initial_kernels(
    experiment: Experiment, stack: Sequence[ReplicaDense]
) -> list[np.ndarray]:
    """Returns the initial kernels, drawn for every replica from its own generator.

    Each linear piece of a maxout layer is drawn like the kernel of a layer of its own.

    Args:
        experiment: The settings, which have the initializer, the seed and the number
            of replicas.
        stack: The layers in forward order.

    Returns:
        The kernel of each layer, float64 [inputs, units * pieces, R], where the pieces
        of a unit lie side by side.
    """
    draw = REPLICA_INITIALIZERS[experiment.kernel_initializer]
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
    """Returns the compiled model of an experiment with its initial weights.

    Args:
        experiment: The settings.
        dtype: The type of weights and computation; float64 measures smaller gradients.

    Returns:
        A model whose `fit` takes a `tf.data.Dataset` of numbers of steps.
    """
    units = (*experiment.hidden, 1)
    stack = [
        _make_layer(experiment, name, n, has_shortcut, dtype)
        for name, n, has_shortcut in zip(
            experiment.layer_names, units, experiment.shortcuts, strict=True
        )
    ]
    x, y = xor(experiment.bits)
    model = ReplicaNetwork(stack, x, y, name=experiment.network, dtype=dtype)
    for layer, kernel in zip(stack, initial_kernels(experiment, stack), strict=True):
        layer.kernel.assign(kernel)
    optimizer = make_optimizer(experiment.optimizer, experiment.learning_rate)
    # The model compiles its loop itself, block by block.
    model.compile(optimizer=optimizer, jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model
