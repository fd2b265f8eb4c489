"""The initial weights of networks, and how they lie in arrays; no TensorFlow.

The layers of equal shape lie in one array, a block: the first layer, all hidden layers
after it, and the last. So an optimizer updates, and a record measures, three arrays and
not two for every layer. A block is [layers, R, inputs + 1, units], where R is the
number of networks, and the last of the inputs + 1 rows is the bias.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepxor.nn.initializers import draw_for
from deepxor.vision.perceptrons.config import CLASSES, INPUTS, PerceptronExperiment

# The axis of the networks in the arrays of a block.
NETWORKS = 1


def block_shapes(experiment: PerceptronExperiment) -> list[tuple[int, int, int]]:
    """Returns the number of layers, inputs and units of each block, in forward order.

    Args:
        experiment: The settings of the networks.
    """
    width = experiment.width
    blocks = [
        (1, INPUTS, width),
        (experiment.depth - 1, width, width),
        (1, width, CLASSES),
    ]
    return [block for block in blocks if block[0]]


def initial_weights(
    networks: Sequence[tuple[PerceptronExperiment, int]],
) -> list[np.ndarray]:
    """Returns the initial weights of networks, each drawn from its own generator.

    Args:
        networks: The settings and the replica number of each network. All have the same
            shape.

    Returns:
        The blocks, float32.
    """
    blocks = [
        np.empty((layers, len(networks), inputs + 1, units), np.float32)
        for layers, inputs, units in block_shapes(networks[0][0])
    ]
    for number, (experiment, replica) in enumerate(networks):
        rng = np.random.default_rng((experiment.seed, replica))
        draw = draw_for(experiment.kernel_initializer, experiment.weight_variance)
        for block in blocks:
            for layer in block[:, number]:
                inputs, units = len(layer) - 1, layer.shape[1]
                layer[:-1] = draw(rng, inputs, units)
                layer[-1] = _bias(experiment, rng, units)
    return blocks


def _bias(
    experiment: PerceptronExperiment, rng: np.random.Generator, units: int
) -> np.ndarray:
    # The numbers are drawn in any case, so that a map along the variance has the same
    # networks, but for the scale.
    return np.sqrt(experiment.bias_variance) * rng.standard_normal(units)
