"""Optimizers: one table from a name to a class of `keras.optimizers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "adam": ("Adam", {}),
    "rmsprop": ("RMSprop", {}),
    "adamw": ("AdamW", {}),
}


def make_optimizer(name: str, learning_rate: float) -> keras.optimizers.Optimizer:
    """Returns a new Keras optimizer.

    Args:
        name: A key of `OPTIMIZERS`.
        learning_rate: Its step size.

    Returns:
        The optimizer, with Keras's defaults but for the learning rate (and a momentum
        of 0.9 for "momentum").
    """
    import keras

    class_name, options = OPTIMIZERS[name]
    return getattr(keras.optimizers, class_name)(learning_rate=learning_rate, **options)
