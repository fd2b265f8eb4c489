"""Gradient descent with momentum whose weight decay joins the gradient."""

from __future__ import annotations

from typing import Any

import keras


class DecayedSGD(keras.optimizers.SGD):
    """Gradient descent with the weight decay of Caffe, but for biases.

    `weight_decay * kernel` is added to a kernel's gradient before the momentum, as if
    half of it times the squared L2 norm were part of the loss. It is not: a gradient
    monitor sees the gradient of the loss alone, where a decay of 5e-4 would hide one
    that has vanished. Keras's own `weight_decay` acts on the weights, past the
    momentum, which makes it ten times weaker at a momentum of 0.9.

    Args:
        learning_rate: A number or a schedule.
        momentum: As of `keras.optimizers.SGD`.
        decay: The weight decay.
        **kwargs: Further arguments of `keras.optimizers.SGD`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        decay: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, momentum, **kwargs)
        self.decay = decay

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable; of rank 1 it is a bias and does not decay."""
        if self.decay and len(variable.shape) > 1:
            gradient = gradient + self.decay * keras.ops.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        """Returns what makes another like it."""
        return super().get_config() | {"decay": self.decay}
