"""Maxout layers: each unit is the largest of some linear pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from deepxor.nn.activations import MAXOUT


def largest_piece(pieces: int, axis: int = -1) -> Callable[[Any], Any]:
    """Returns the function that takes the largest piece of each unit.

    Goodfellow et al. 2013, "Maxout networks", eq. 1.

    Args:
        pieces: Of each unit; those of one unit lie side by side.
        axis: Of units and pieces.

    Returns:
        A function that makes an axis of units * pieces one of units.
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

    Its kernel is [inputs, units * pieces]. Its `activation` takes the largest piece, so
    that what acts on pre-activations acts on the pieces.

    Args:
        units: Outputs, after the maximum.
        pieces: Linear pieces of each unit, at least 2.
        **kwargs: Those of `keras.layers.Dense`, without activation.

    Raises:
        ValueError: If pieces is out of range.
    """

    def __init__(self, units: int, pieces: int = 2, **kwargs: Any) -> None:
        _check_pieces(pieces)
        super().__init__(units * pieces, activation=largest_piece(pieces), **kwargs)
        self.pieces = pieces

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the outputs."""
        *samples, columns = super().compute_output_shape(input_shape)
        return (*samples, columns // self.pieces)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings, from which Keras makes the same again."""
        config = super().get_config()
        del config["activation"]
        units = self.units // self.pieces
        return {**config, "units": units, "pieces": self.pieces}


@keras.saving.register_keras_serializable(package="deepxor")
class MaxoutConv2D(keras.layers.Conv2D):
    """A 2D convolution of maxout units (Goodfellow et al. 2013).

    Its kernel is [height, width, channels, filters * pieces]. Its `activation` takes
    the largest piece, so that what acts on pre-activations acts on the pieces.

    Args:
        filters: Channels of the output, after the maximum.
        kernel_size: Of the window.
        pieces: Linear pieces of each filter, at least 2.
        **kwargs: Those of `keras.layers.Conv2D`, without activation.

    Raises:
        ValueError: If pieces is out of range.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        pieces: int = 2,
        **kwargs: Any,
    ) -> None:
        _check_pieces(pieces)
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
        """Returns the settings, from which Keras makes the same again."""
        config = super().get_config()
        del config["activation"]
        filters = self.filters // self.pieces
        return {**config, "filters": filters, "pieces": self.pieces}


@keras.saving.register_keras_serializable(package="deepxor")
class EachPiece(keras.initializers.Initializer):
    """Draws each piece of a maxout kernel like the kernel of a layer of its own.

    Args:
        initializers: One a piece.
    """

    def __init__(self, initializers: Sequence[Any]) -> None:
        self.initializers = [keras.initializers.get(each) for each in initializers]

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Returns a kernel [..., units * pieces]."""
        part = (*shape[:-1], shape[-1] // len(self.initializers))
        pieces = [initialize(part, dtype=dtype) for initialize in self.initializers]
        return keras.ops.reshape(keras.ops.stack(pieces, axis=-1), shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings, from which Keras makes the same again."""
        each = [keras.initializers.serialize(piece) for piece in self.initializers]
        return {"initializers": each}


def _check_pieces(pieces: int) -> None:
    if pieces < 2:
        raise ValueError(f"pieces={pieces}: allowed is at least 2")
