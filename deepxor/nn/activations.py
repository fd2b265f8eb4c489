"""The activation zoo: one table from a name to what is known of an activation.

The table needs no TensorFlow, so that flags can be checked against it quickly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Activation:
    """Describes one activation function.

    Attributes:
        keras_name: The name in `keras.activations`; None for maxout, which is a layer.
        largest_slope: The largest value of the derivative. Weights aside, one layer
            passes back at most this share of a gradient.
        initializer: The key of `INITIALIZERS` that `--initializer=auto` picks.
        gain: The factor for a kernel of variance 1 / inputs with which pre-activations
            keep their size from layer to layer: one over the root mean square of the
            activation of standard normal numbers. The argument is that of He et al.
            2015, eq. 10 and 15, whose factors these are for ReLU and its leaky kind.
        options: The keyword arguments of the Keras function.
    """

    keras_name: str | None
    largest_slope: float
    initializer: str
    gain: float
    options: Mapping[str, float] = field(default_factory=dict)


MAXOUT = "maxout"


def _leaky_relu(slope: float) -> Activation:
    gain = math.sqrt(2 / (1 + slope**2))
    return Activation("leaky_relu", 1.0, "he", gain, {"negative_slope": slope})


# The largest slopes of selu (scale * alpha, Klambauer et al. 2017), gelu (at x = sqrt
# 2) and silu (at x = 2.3994) are rounded to four places, and so are the gains that have
# no closed form. The gain of maxout is that of two pieces.
ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": Activation("sigmoid", 0.25, "glorot", 1.8462),
    "tanh": Activation("tanh", 1.0, "glorot", 1.5925),
    "relu": Activation("relu", 1.0, "he", math.sqrt(2)),
    "leaky_relu": _leaky_relu(0.1),
    "very_leaky_relu": _leaky_relu(1 / 3),
    "elu": Activation("elu", 1.0, "he", 1.2452),
    # He's factor 2 makes up for the half of its input that ReLU drops. The larger of
    # two linear pieces keeps the variance as it is, so maxout wants Glorot.
    MAXOUT: Activation(None, 1.0, "glorot", 1.0),
    "selu": Activation("selu", 1.7581, "lecun", 1.0),
    "gelu": Activation("gelu", 1.1289, "he", 1.5335),
    "silu": Activation("silu", 1.0998, "he", 1.6765),
    "softplus": Activation("softplus", 1.0, "glorot", 1.0419),
    "linear": Activation("linear", 1.0, "glorot", 1.0),
}
