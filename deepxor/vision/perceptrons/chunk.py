"""How many networks are trained side by side, and what they cost; no TensorFlow."""

from __future__ import annotations

import itertools

from deepxor.vision.perceptrons.config import CLASSES, INPUTS, PerceptronExperiment

# The activations of one layer of all networks stay in a core's cache up to so many
# numbers. Fewer would make more operations of the same work.
NUMBERS_IN_CACHE = 2**16
MOST = 256

# The most numbers that the networks of a chunk keep at the same time: 1.2 GB.
NUMBERS_IN_MEMORY = 3 * 10**8

# What there is beside the multiplications, and what it costs in multiplications: for
# each activation, each weight and each layer in a step, and for the end of a network.
# The table of scripts/bench --only=perceptrons fits to about a quarter.
PER_ACTIVATION, PER_WEIGHT, PER_LAYER, PER_NETWORK = 80, 110, 100_000, 2 * 10**8


def networks_in_chunk(experiment: PerceptronExperiment) -> int:
    """Returns the number of networks that are best trained side by side.

    Args:
        experiment: The settings of each of the networks.

    Returns:
        The number, which is the same on every machine.
    """
    layer = experiment.batch_size * experiment.width
    wanted = min(NUMBERS_IN_CACHE // layer, MOST)
    kernels = sum(a * b for a, b in itertools.pairwise(experiment.units))
    # As the peak of memory says: activations and their gradients; and kernels, their
    # gradients, successors and moments, and what a record computes of all of them.
    each = 6 * experiment.depth * layer + 24 * kernels
    return max(1, min(wanted, NUMBERS_IN_MEMORY // each))


def work(experiment: PerceptronExperiment) -> float:
    """Returns what the training of a network costs, relative to others.

    Args:
        experiment: The settings of the network.

    Returns:
        About the number of multiplications.
    """
    activations = experiment.batch_size * experiment.width
    # Forward, and backward to the kernel and to the inputs; the pictures need none.
    first = 2 * INPUTS * activations
    others = 3 * activations * ((experiment.depth - 1) * experiment.width + CLASSES)
    rest = PER_ACTIVATION * activations + PER_LAYER
    rest += PER_WEIGHT * experiment.width**2
    step = first + others + experiment.depth * rest
    return float(experiment.num_steps * step + PER_NETWORK)
