"""ReLU networks that are dead before training: a formula, and a count; no TensorFlow.

Lu et al. 2019, "Dying ReLU and initialization: theory and numerical examples" (arXiv
1903.06733). A network is born dead if all units of a hidden layer are 0 for every
input: then its output is constant, and no gradient reaches the layers before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepxor.checks import check_at_least, refuse
from deepxor.statistics import wilson_interval

ONE_INPUT = ((1.0,),)

# Networks are drawn a part at a time, so that their kernels stay below this number.
MAX_KERNELS = 2_000_000


@dataclass(frozen=True)
class BornDead:
    """Holds how many ReLU networks of a shape are born dead.

    Attributes:
        depth: The number of hidden layers.
        width: The number of units of each.
        networks: The number of networks that were drawn.
        dead: The number of those that were born dead.
        expected: The share by the formula for a single input.
    """

    depth: int
    width: int
    networks: int
    dead: int
    expected: float

    @property
    def share(self) -> float:
        """The share that was born dead."""
        return self.dead / self.networks

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the share."""
        return wilson_interval(self.dead, self.networks)


def expected_share(depth: int, width: int) -> float:
    """Returns the share of networks that a single input finds dead.

    Each unit is 0 in half of the networks, as weights are as often positive as
    negative, and biases are 0.

    Args:
        depth: The number of hidden layers, at least 1.
        width: The number of units of each, at least 1.

    Returns:
        The share 1 - (1 - 2^-width)^depth. For several inputs it is an upper bound, as
        one that passes is enough.

    Raises:
        ValueError: If there are no layers or no units.

    Example:
        >>> round(expected_share(10, 5), 4), round(expected_share(10, 2), 4)
        (0.272, 0.9437)
    """
    check_at_least("depth", depth, 1)
    check_at_least("width", width, 1)
    # For wide layers the power would be rounded to 1.
    return float(-np.expm1(depth * np.log1p(-(0.5**width))))


def count(
    depth: int,
    width: int,
    inputs: Sequence[Sequence[float]] | np.ndarray = ONE_INPUT,
    networks: int = 20_000,
    seed: int = 0,
) -> BornDead:
    """Returns how many random networks are born dead.

    Kernels are He's: normal with variance 2 / inputs. Biases are 0.

    Args:
        depth: The number of hidden layers, at least 1.
        width: The number of units of each, at least 1.
        inputs: The samples, [samples, features]; one nonzero sample by default.
        networks: The number of networks to draw, at least 1.
        seed: The seed of the draws.

    Returns:
        The count.

    Raises:
        ValueError: If a number is below 1, or `inputs` is no table.
    """
    samples = np.asarray(inputs, np.float64)
    if samples.ndim != 2 or not samples.size:
        refuse("inputs", inputs, "a table of at least one sample and feature")
    check_at_least("networks", networks, 1)
    expected = expected_share(depth, width)
    rng = np.random.default_rng(seed)
    dead = sum(
        _count_part(rng, depth, width, samples, part)
        for part in _parts(networks, max(width, samples.shape[1]) * width)
    )
    return BornDead(depth, width, networks, dead, expected)


def _parts(networks: int, kernels: int) -> Iterator[int]:
    """Yields the numbers of networks that are drawn together."""
    most = max(1, MAX_KERNELS // kernels)
    while networks > 0:
        yield min(most, networks)
        networks -= most


def _count_part(
    rng: np.random.Generator, depth: int, width: int, samples: np.ndarray, part: int
) -> int:
    signal = np.broadcast_to(samples, (part, *samples.shape))
    for _ in range(depth):
        fan_in = signal.shape[-1]
        kernels = rng.normal(0.0, np.sqrt(2.0 / fan_in), (len(signal), fan_in, width))
        signal = np.maximum(signal @ kernels, 0.0)
        # What is 0 for every sample stays so: only the others go on.
        signal = signal[signal.any(axis=(1, 2))]
    return part - len(signal)


def table(
    depths: Sequence[int],
    widths: Sequence[int],
    inputs: Sequence[Sequence[float]] | np.ndarray = ONE_INPUT,
    networks: int = 20_000,
    seed: int = 0,
) -> list[BornDead]:
    """Returns the counts of all depths and widths.

    Args:
        depths: The numbers of hidden layers.
        widths: The numbers of units of a layer.
        inputs: The samples, [samples, features]; one nonzero sample by default.
        networks: The number of networks of each shape.
        seed: The seed of the draws of each shape.

    Returns:
        A row for each depth and width; the widths of the first depth come first.
    """
    return [
        count(depth, width, inputs, networks, seed)
        for depth in depths
        for width in widths
    ]
