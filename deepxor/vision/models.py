"""Convolutional networks for pictures, by activation and initializer.

The module loads TensorFlow only when a network is built, so that flags can be checked
against its tables quickly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepxor.checks import (
    check_at_least,
    check_choice,
    check_positive,
    refuse,
)
from deepxor.nn.activations import ACTIVATIONS, MAXOUT
from deepxor.nn.initializers import INITIALIZERS, KERAS_INITIALIZERS

if TYPE_CHECKING:
    import keras

# Mishkin & Matas 2015, and the maxout networks of Goodfellow et al. 2013.
DROPOUT = 0.2
CONVOLUTION_PIECES, DENSE_PIECES = 2, 5


@dataclass(frozen=True)
class ConvnetShape:
    """Describes the widths of a network of 3x3 convolutions.

    Attributes:
        blocks: The numbers of filters of the convolutions in each block. A max-pooling
            of 2 follows each block, or a global one the last block.
        hidden: The number of units of the dense layer before the logits.
        has_global_pool: Whether a global max-pooling follows the last block.
    """

    blocks: tuple[tuple[int, ...], ...]
    hidden: int
    has_global_pool: bool

    @property
    def smallest_side(self) -> int:
        """The smallest height and width in pixels that the poolings leave above 0."""
        return 2 ** (len(self.blocks) - self.has_global_pool)


# FitNet-4: Romero et al. 2015, "FitNets", as in Mishkin & Matas 2015.
CONVNETS: dict[str, ConvnetShape] = {
    "fitnet4": ConvnetShape(
        ((32, 32, 32, 48, 48), (80,) * 6, (128,) * 6), 500, has_global_pool=True
    ),
    "cnn": ConvnetShape(((32, 32), (64, 64)), 128, has_global_pool=False),
}


def build_convnet(
    network: str,
    input_shape: Sequence[int],
    classes: int,
    activation: str,
    initializer: str,
    scale: float = 1.0,
    dropout: bool = True,
    seed: int = 0,
) -> keras.Model:
    """Returns a convolutional network that ends in logits.

    "fitnet4" is the network of Mishkin & Matas 2015 (arXiv 1511.06422, table 2), "cnn"
    is a small one. The layers are called conv1, conv2, ..., hidden and logits. Each
    linear piece of a maxout layer is drawn like the kernel of a layer of its own.

    Args:
        network: A key of `CONVNETS`.
        input_shape: The shape of a picture, (height, width, channels).
        classes: The number of logits, at least 2.
        activation: A key of `ACTIVATIONS`. Maxout has 2 pieces in convolutions and 5 in
            the dense layer.
        initializer: One of `KERAS_INITIALIZERS`. Every layer has a seed of its own.
        scale: The factor for the hidden widths, which are rounded to at least 1.
        dropout: Whether training drops 0.2 of the input, of the output of each pooling
            and of the output of the hidden layer.
        seed: The seed of weights and dropout, at least 0. The weights are the same with
            and without dropout.

    Returns:
        A Functional model from [batch, height, width, channels] to [batch, classes].

    Raises:
        ValueError: If an argument is out of range.
    """
    check_choice("network", network, CONVNETS)
    check_choice("activation", activation, ACTIVATIONS)
    check_choice("initializer", initializer, KERAS_INITIALIZERS)
    shape = CONVNETS[network]
    check_at_least("classes", classes, 2)
    check_positive("scale", scale)
    check_at_least("seed", seed, 0)
    _check_input_shape(network, input_shape)
    builder = _Builder(activation, initializer, scale, dropout, seed)
    return builder.build(network, shape, tuple(input_shape), classes)


@dataclass(frozen=True)
class _Builder:
    """Makes the layers of a network; its fields are arguments of `build_convnet`."""

    activation: str
    initializer: str
    scale: float
    dropout: bool
    seed: int

    def build(
        self,
        network: str,
        shape: ConvnetShape,
        input_shape: tuple[int, ...],
        classes: int,
    ) -> keras.Model:
        import keras

        inputs = keras.Input(input_shape, name="pictures")
        x = self._drop(inputs, "input")
        number = 0
        for block, widths in enumerate(shape.blocks, 1):
            for width in widths:
                number += 1
                x = self._convolution(f"conv{number}", width)(x)
            if shape.has_global_pool and block == len(shape.blocks):
                x = keras.layers.GlobalMaxPooling2D(name=f"pool{block}")(x)
            else:
                x = keras.layers.MaxPooling2D(2, name=f"pool{block}")(x)
            x = self._drop(x, f"pool{block}")
        if not shape.has_global_pool:
            x = keras.layers.Flatten(name="flatten")(x)
        x = self._drop(self._hidden(shape.hidden)(x), "hidden")
        logits = keras.layers.Dense(classes, **self._options("logits"))
        return keras.Model(inputs, logits(x), name=network)

    def _convolution(self, name: str, width: int) -> keras.layers.Layer:
        import keras

        from deepxor.nn.keras_activation import keras_activation
        from deepxor.nn.maxout import MaxoutConv2D

        filters = self._width(width)
        if self.activation == MAXOUT:
            options = self._options(name, CONVOLUTION_PIECES)
            return MaxoutConv2D(
                filters, 3, CONVOLUTION_PIECES, padding="same", **options
            )
        function = keras_activation(self.activation)
        return keras.layers.Conv2D(
            filters, 3, padding="same", activation=function, **self._options(name)
        )

    def _hidden(self, width: int) -> keras.layers.Layer:
        import keras

        from deepxor.nn.keras_activation import keras_activation
        from deepxor.nn.maxout import MaxoutDense

        name, units = "hidden", self._width(width)
        if self.activation == MAXOUT:
            return MaxoutDense(units, DENSE_PIECES, **self._options(name, DENSE_PIECES))
        function = keras_activation(self.activation)
        return keras.layers.Dense(units, activation=function, **self._options(name))

    def _options(self, name: str, pieces: int = 1) -> dict[str, Any]:

        from deepxor.nn.maxout import EachPiece

        each = [self._initializer(f"{name}/{piece}") for piece in range(pieces)]
        return {
            "name": name,
            "kernel_initializer": each[0] if pieces == 1 else EachPiece(each),
        }

    def _initializer(self, name: str) -> Any:
        import keras

        entry = INITIALIZERS[self.initializer]
        gain = ACTIVATIONS[self.activation].gain
        options = {"gain": gain} if entry.has_gain else {}
        make = getattr(keras.initializers, str(entry.keras_name))
        return make(seed=self._seed_of(name), **options)

    def _drop(self, x: Any, name: str) -> Any:
        import keras

        if not self.dropout:
            return x
        name = f"{name}_dropout"
        return keras.layers.Dropout(DROPOUT, seed=self._seed_of(name), name=name)(x)

    def _width(self, width: int) -> int:
        return max(1, round(width * self.scale))

    def _seed_of(self, name: str) -> int:
        """Returns a seed that depends on the layer's name and not on other layers."""
        sequence = np.random.SeedSequence((self.seed, *name.encode()))
        return int(sequence.generate_state(1)[0])


def _check_input_shape(network: str, input_shape: Sequence[int]) -> None:
    side = CONVNETS[network].smallest_side
    if len(input_shape) != 3 or min(input_shape[:2]) < side or input_shape[2] < 1:
        allowed = f"(height, width, channels) of at least ({side}, {side}, 1)"
        refuse("input_shape", tuple(input_shape), f"{allowed} for network={network!r}")
