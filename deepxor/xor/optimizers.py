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
        learning_rate: The learning rate.

    Returns:
        An optimizer that can update values in a `keras.StatelessScope`. Its other
        settings are Keras's defaults, but for a momentum of 0.9 in "momentum".
    """
    import keras

    from deepxor.compat import stateless_optimizer

    class_name, options = OPTIMIZERS[name]
    stock = getattr(keras.optimizers, class_name)
    return stateless_optimizer(stock)(learning_rate=learning_rate, **options)
