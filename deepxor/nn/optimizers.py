"""Optimizers: one table from a name to a class of `keras.optimizers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "adam": ("Adam", {}),
    "rmsprop": ("RMSprop", {}),
    "adamw": ("AdamW", {}),
}


def make_optimizer(
    name: str, learning_rate: float | np.ndarray
) -> keras.optimizers.Optimizer:
    """Returns a new Keras optimizer.

    Args:
        name: A key of `OPTIMIZERS`.
        learning_rate: The learning rate; or an array of learning rates, which
            broadcasts against every gradient, such as [R] for replicas.

    Returns:
        An optimizer that can update values in a `keras.StatelessScope`. Its other
        settings are Keras's defaults, but for a momentum of 0.9 in "momentum".
    """
    import keras

    from deepxor.compat import stateless_optimizer

    class_name, options = OPTIMIZERS[name]
    kind = stateless_optimizer(getattr(keras.optimizers, class_name))
    if not isinstance(learning_rate, np.ndarray):
        return kind(learning_rate=learning_rate, **options)
    optimizer = kind(learning_rate=1.0, **options)
    optimizer.vary(learning_rate.astype(np.float32))
    return optimizer
