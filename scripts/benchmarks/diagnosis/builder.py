"""The builder of a benchmark model's hidden layers, as its setup has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from scripts.benchmarks.diagnosis.setup import Setup

MakeLayer = Callable[..., keras.layers.Layer]

_INITIALIZERS: dict[str, Callable[[float], Any]] = {
    "normal": lambda value: keras.initializers.RandomNormal(stddev=value),
    "uniform": lambda value: keras.initializers.RandomUniform(-value, value),
    "positive": lambda value: keras.initializers.RandomUniform(0.0, value),
    "orthogonal": lambda value: keras.initializers.Orthogonal(gain=value),
    "constant": lambda value: keras.initializers.Constant(value),
}

_ACTIVATION_LAYERS: dict[str, Callable[[], keras.layers.Layer]] = {
    "relu": layers.ReLU,
    "leaky_relu": layers.LeakyReLU,
    "elu": layers.ELU,
    "prelu": layers.PReLU,
}


class Builder:
    """Adds hidden layers as a setup has them.

    Args:
        setup: What the layers are like.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._count = 0

    def hidden(self, x: Any, make: MakeLayer, *args: Any) -> Any:
        """Adds a layer with its activation, normalization and dropout.

        Args:
            x: The Keras tensor that the layer is called on.
            make: The class of the layer, such as `Dense`.
            *args: The positional arguments of the class.

        Returns:
            The output's Keras tensor.
        """
        setup = self.setup
        is_separate = setup.separate or bool(setup.norm) or setup.activation == "prelu"
        layer = make(
            *args,
            activation=None if is_separate else setup.activation,
            **self.options(),
        )
        x = layer(x)
        if setup.norm == "batch":
            x = layers.BatchNormalization(momentum=0.9)(x)
        elif setup.norm == "layer":
            x = layers.LayerNormalization()(x)
        if is_separate:
            x = self.activation(x)
        if setup.dropout:
            x = layers.Dropout(setup.dropout)(x)
        return x

    def activation(self, x: Any) -> Any:
        """Adds an activation as a layer of its own."""
        name = self.setup.activation
        if name in _ACTIVATION_LAYERS:
            return _ACTIVATION_LAYERS[name]()(x)
        return layers.Activation(name)(x)

    def options(self) -> dict[str, Any]:
        """Returns the next hidden layer's initializers, and whether it is trained."""
        setup, index = self.setup, self._count
        self._count += 1
        is_special = setup.only is None or setup.only == index
        return {
            "kernel_initializer": initializer(
                setup.initializer if is_special else "he_normal"
            ),
            "bias_initializer": _bias_initializer(setup) if is_special else "zeros",
            "trainable": index >= setup.frozen,
        }


def initializer(name: str) -> Any:
    """Returns a Keras initializer.

    Args:
        name: As `Setup.initializer` names it.

    Returns:
        What Keras layers take as an initializer.

    Raises:
        ValueError: If there is no such kind.
    """
    kind, _, number = name.partition(":")
    if not number:
        return keras.initializers.get(name)
    if kind not in _INITIALIZERS:
        raise ValueError(
            f"`initializer` must have one of {', '.join(_INITIALIZERS)} before its "
            f"colon. Received: initializer={name!r}"
        )
    return _INITIALIZERS[kind](float(number))


def _bias_initializer(setup: Setup) -> Callable[..., np.ndarray]:
    def initialize(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        bias = np.zeros(shape, np.float32)
        bias[..., : round(setup.bias_share * shape[-1])] = setup.bias
        return bias

    return initialize
