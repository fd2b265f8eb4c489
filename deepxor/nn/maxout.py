"""Maxout layers: each unit is the largest of some linear pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from deepxor.checks import check_at_least
from deepxor.nn.activations import MAXOUT


def largest_piece(pieces: int, axis: int = -1) -> Callable[[Any], Any]:
    """Returns a function that takes the largest linear piece of each unit.

    Goodfellow et al. 2013, "Maxout networks", eq. 1.

    Args:
        pieces: The number of linear pieces of each unit, which lie side by side.
        axis: The axis of a tensor along which units and pieces lie.

    Returns:
        A function that maps a tensor with an axis of units * pieces to one with an axis
        of units.
    """

    def maxout(x: Any) -> Any:
        place = axis % len(x.shape)
        shape = keras.ops.shape(x)
        units = x.shape[place] // pieces
        split = (*shape[:place], units, pieces, *shape[place + 1 :])
        return keras.ops.max(keras.ops.reshape(x, split), axis=place + 1)

    maxout.__name__ = MAXOUT
    return maxout


@keras.saving.register_keras_serializable(package="deepxor")
class MaxoutDense(keras.layers.Dense):
    """A dense layer of maxout units (Goodfellow et al. 2013).

    The kernel has the shape [inputs, units * pieces]. The `activation` takes the
    largest piece, so that whatever acts on pre-activations acts on the pieces.

    Args:
        units: The number of outputs, after the maximum.
        pieces: The number of linear pieces of each unit, at least 2.
        **kwargs: Arguments of `keras.layers.Dense` other than `activation`.

    Raises:
        ValueError: If `pieces` is out of range.
    """

    def __init__(self, units: int, pieces: int = 2, **kwargs: Any) -> None:
        check_at_least("pieces", pieces, 2)
        super().__init__(units * pieces, activation=largest_piece(pieces), **kwargs)
        self.pieces = pieces

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the outputs."""
        *samples, columns = super().compute_output_shape(input_shape)
        return (*samples, columns // self.pieces)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings from which Keras makes an equal object."""
        config = super().get_config()
        del config["activation"]
        units = self.units // self.pieces
        return {**config, "units": units, "pieces": self.pieces}


@keras.saving.register_keras_serializable(package="deepxor")
class MaxoutConv2D(keras.layers.Conv2D):
    """A 2D convolution of maxout units (Goodfellow et al. 2013).

    The kernel has the shape [height, width, channels, filters * pieces]. The
    `activation` takes the largest piece, so that whatever acts on pre-activations acts
    on the pieces.

    Args:
        filters: The number of channels of the output, after the maximum.
        kernel_size: The side of the window, or its height and width, in pixels.
        pieces: The number of linear pieces of each filter, at least 2.
        **kwargs: Arguments of `keras.layers.Conv2D` other than `activation`.

    Raises:
        ValueError: If `pieces` is out of range.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        pieces: int = 2,
        **kwargs: Any,
    ) -> None:
        check_at_least("pieces", pieces, 2)
        maximum = largest_piece(pieces)
        super().__init__(filters * pieces, kernel_size, activation=maximum, **kwargs)
        self.pieces = pieces
        self.channel_axis = -1
        if self.data_format == "channels_first":
            self.channel_axis = 1
            self.activation = largest_piece(pieces, axis=1)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the outputs."""
        shape = list(super().compute_output_shape(input_shape))
        shape[self.channel_axis] //= self.pieces
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings from which Keras makes an equal object."""
        config = super().get_config()
        del config["activation"]
        filters = self.filters // self.pieces
        return {**config, "filters": filters, "pieces": self.pieces}


@keras.saving.register_keras_serializable(package="deepxor")
class EachPiece(keras.initializers.Initializer):
    """Draws each piece of a maxout kernel like the kernel of a layer of its own.

    Args:
        initializers: A Keras initializer for each linear piece.
    """

    def __init__(self, initializers: Sequence[Any]) -> None:
        self.initializers = [keras.initializers.get(each) for each in initializers]

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Returns a kernel [..., units * pieces]."""
        part = (*shape[:-1], shape[-1] // len(self.initializers))
        pieces = [initialize(part, dtype=dtype) for initialize in self.initializers]
        return keras.ops.reshape(keras.ops.stack(pieces, axis=-1), shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings from which Keras makes an equal object."""
        each = [keras.initializers.serialize(piece) for piece in self.initializers]
        return {"initializers": each}
