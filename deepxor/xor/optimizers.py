"""Optimizers: one table from a name to a class of `keras.optimizers`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
    from keras.optimizers import Optimizer
else:
    Optimizer = object

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

    class_name, options = OPTIMIZERS[name]
    stock = getattr(keras.optimizers, class_name)
    return _stateless(stock)(learning_rate=learning_rate, **options)


class _StatelessUpdate(Optimizer):
    """Lets an optimizer of Keras update values that a `keras.StatelessScope` holds.

    With TensorFlow, Keras's optimizers write to each `tf.Variable` itself, as
    distribution strategies need. This class assigns to the Keras variable instead, as
    Keras does with its other backends.
    """

    def _var_key(self, variable: keras.Variable) -> int:
        return id(variable)

    def _backend_update_step(
        self,
        grads: Sequence[tf.Tensor],
        trainable_variables: Sequence[keras.Variable],
        learning_rate: tf.Tensor,
    ) -> None:
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def _apply_weight_decay(self, variables: Sequence[keras.Variable]) -> None:
        if self.weight_decay is not None:
            rate = self.weight_decay * self.learning_rate
            for variable in variables:
                if self._use_weight_decay(variable):
                    variable.assign_sub(variable * rate)

    def assign(self, variable: keras.Variable, value: tf.Tensor) -> None:
        variable.assign(value)

    def assign_add(self, variable: keras.Variable, value: tf.Tensor) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: keras.Variable, value: tf.Tensor) -> None:
        variable.assign_sub(value)


@functools.cache
def _stateless(
    stock: type[keras.optimizers.Optimizer],
) -> type[keras.optimizers.Optimizer]:
    return type(stock.__name__, (_StatelessUpdate, stock), {})
