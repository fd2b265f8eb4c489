"""Kernel initializers: one table, for replicas and for the layers of Keras.

The functions for replicas use NumPy and not `keras.initializers`: every replica draws
from a generator of its own, so that its start depends on the seed and its number alone
and not on how many replicas there are. Ten thousand Keras initializers a layer would
take minutes.

Each function takes a random generator, the number of inputs and the number of units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepxor.checks import check_choice, check_float32

# A function of a random generator, the inputs and the units, which returns a float64
# kernel [inputs, units].
Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def uniform(rng: np.random.Generator, inputs: int, units: int) -> np.ndarray:
    """Returns a kernel drawn from U(-1, 1), as in the lecture."""
    return rng.uniform(-1.0, 1.0, (inputs, units))


def normal(rng: np.random.Generator, inputs: int, units: int) -> np.ndarray:
    """Returns a kernel drawn from N(0, 1)."""
    return rng.standard_normal((inputs, units))


def glorot(rng: np.random.Generator, inputs: int, units: int) -> np.ndarray:
    """Returns a kernel of variance 2 / (inputs + units) (Glorot & Bengio 2010)."""
    limit = np.sqrt(6.0 / (inputs + units))
    return rng.uniform(-limit, limit, (inputs, units))


def he(rng: np.random.Generator, inputs: int, units: int) -> np.ndarray:
    """Returns a kernel of variance 2 / inputs, normal (He et al. 2015, eq. 10)."""
    return rng.standard_normal((inputs, units)) * np.sqrt(2.0 / inputs)


def lecun(rng: np.random.Generator, inputs: int, units: int) -> np.ndarray:
    """Returns a kernel of variance 1 / inputs, normal (LeCun et al. 1998, eq. 16)."""
    return rng.standard_normal((inputs, units)) * np.sqrt(1.0 / inputs)


def orthogonal(rng: np.random.Generator, inputs: int, units: int) -> np.ndarray:
    """Returns a kernel with orthonormal rows or columns (Saxe et al. 2014)."""
    tall = rng.standard_normal((max(inputs, units), min(inputs, units)))
    q, r = np.linalg.qr(tall)
    # With the signs of R's diagonal the factorisation is unique and Q is uniformly
    # distributed (Mezzadri 2007).
    q = q * np.sign(np.diag(r))
    return q if inputs >= units else q.T


@dataclass(frozen=True)
class Initializer:
    """One kernel initializer, for replicas, for Keras's layers, or for both.

    Attributes:
        draw: The function that draws the kernel of a replica; None for none.
        keras_name: The name of its class in `keras.initializers`; None for none.
        has_gain: Whether Keras's class gets the activation's gain.
    """

    draw: Draw | None = None
    keras_name: str | None = None
    has_gain: bool = False


INITIALIZERS: dict[str, Initializer] = {
    "uniform": Initializer(uniform),
    "normal": Initializer(normal),
    "glorot": Initializer(glorot, "GlorotUniform"),
    "he": Initializer(he, "HeNormal"),
    "lecun": Initializer(lecun),
    "orthogonal": Initializer(orthogonal, "Orthogonal"),
    "orthogonal_scaled": Initializer(None, "Orthogonal", has_gain=True),
    # Where LSUV starts; `deepxor.lsuv` then scales every layer on a batch.
    "lsuv": Initializer(None, "Orthogonal"),
}

# The name that stands for the initializer of the activation.
AUTO = "auto"

# The initializers of replicas, and those of Keras's layers.
REPLICA_INITIALIZERS: dict[str, Draw] = {
    name: row.draw for name, row in INITIALIZERS.items() if row.draw is not None
}
KERAS_INITIALIZERS = tuple(
    name for name, row in INITIALIZERS.items() if row.keras_name is not None
)


def draw_for(initializer: str, weight_variance: float | None = None) -> Draw:
    """Returns the function that draws the kernel of a replica.

    Args:
        initializer: A key of `REPLICA_INITIALIZERS`.
        weight_variance: sigma_w^2, in place of the initializer: kernels are normal with
            variance weight_variance / inputs; None for the initializer.

    Returns:
        The function.
    """
    if weight_variance is None:
        return REPLICA_INITIALIZERS[initializer]

    def scaled(rng: np.random.Generator, inputs: int, units: int) -> np.ndarray:
        return rng.standard_normal((inputs, units)) * np.sqrt(weight_variance / inputs)

    return scaled


def check_initial(
    initializer: str, weight_variance: float | None, bias_variance: float
) -> None:
    """Checks the settings that initial weights are drawn from.

    Args:
        initializer: `AUTO` or a key of `REPLICA_INITIALIZERS`.
        weight_variance: sigma_w^2, 0 or more; None for the initializer.
        bias_variance: sigma_b^2, 0 or more.

    Raises:
        ValueError: If one is out of range, or initializer and variance are both given.
    """
    check_choice("initializer", initializer, [AUTO, *REPLICA_INITIALIZERS])
    check_float32("bias_variance", bias_variance, or_zero=True)
    if weight_variance is None:
        return
    check_float32("weight_variance", weight_variance, or_zero=True)
    if initializer != AUTO:
        raise ValueError(
            "`weight_variance` and `initializer` must not both be given. Received: "
            f"weight_variance={weight_variance}, initializer={initializer!r}"
        )
