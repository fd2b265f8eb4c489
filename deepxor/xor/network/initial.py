"""The initial weights of networks side by side; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deepxor.nn.initializers import draw_for
from deepxor.xor.config import Experiment


class Network(NamedTuple):
    """Names one network: a replica of an experiment.

    Attributes:
        experiment: The settings.
        replica: The number of the replica, from 0.
    """

    experiment: Experiment
    replica: int


def initial_weights(
    networks: Sequence[Network], pieces: Sequence[int]
) -> list[np.ndarray]:
    """Returns the initial weights of networks of the same shape.

    Each network draws from a generator of its own, so that its weights depend neither
    on its neighbours nor on their number: first all kernels, layer by layer, then the
    biases, if they have a variance. Each linear piece of a maxout layer is drawn like
    the kernel of a layer of its own.

    Args:
        networks: The networks, R of them.
        pieces: The number of linear pieces of each layer's units, 1 but for maxout.

    Returns:
        The kernel, float64 [inputs, units * pieces, R], where the pieces of a unit lie
        side by side, and the bias, float64 [units * pieces, R], of each layer in turn.
    """
    experiment = networks[0].experiment
    sizes = (experiment.bits, *experiment.hidden, 1)
    weights = []
    for inputs, units, count in zip(sizes, sizes[1:], pieces, strict=False):
        weights.append(np.empty((inputs, units * count, len(networks))))
        weights.append(np.zeros((units * count, len(networks))))
    for place, (experiment, replica) in enumerate(networks):
        rng = np.random.default_rng((experiment.seed, replica))
        draw = draw_for(experiment.kernel_initializer, experiment.weight_variance)
        for kernel, count in zip(weights[::2], pieces, strict=True):
            inputs, columns, _ = kernel.shape
            for piece in range(count):
                part = draw(rng, inputs, columns // count)
                kernel[:, piece::count, place] = part
        if experiment.bias_variance:
            for bias in weights[1::2]:
                normal = rng.standard_normal(len(bias))
                bias[:, place] = normal * np.sqrt(experiment.bias_variance)
    return weights
