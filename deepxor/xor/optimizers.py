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
        One that can update values in a `keras.StatelessScope`, with Keras's defaults
        but for the learning rate (and a momentum of 0.9 for "momentum").
    """
    import keras

    from deepxor.compat import stateless_optimizer

    class_name, options = OPTIMIZERS[name]
    stock = getattr(keras.optimizers, class_name)
    return stateless_optimizer(stock)(learning_rate=learning_rate, **options)
