"""Gradient descent with momentum whose weight decay joins the gradient."""

from __future__ import annotations

from typing import Any

import keras


class DecayedSGD(keras.optimizers.SGD):
    """Descends the gradient with momentum and the weight decay of Caffe.

    It adds `decay * kernel` to the gradient of a kernel before the momentum, as if
    `decay / 2` times the squared L2 norm of the kernel were part of the loss. As it is
    not part of the loss, a gradient monitor sees the gradient of the loss alone; a
    decay of 5e-4 would hide a gradient that has vanished. Biases do not decay.
    Keras's own `weight_decay` acts on the weights and not through the momentum, which
    makes it ten times weaker at a momentum of 0.9.

    Args:
        learning_rate: A number or a schedule of Keras.
        momentum: The momentum, as `keras.optimizers.SGD` defines it.
        decay: The weight decay; 0 for none.
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
        """Updates a variable; one of rank 1 is a bias and does not decay.

        Args:
            gradient: The gradient of the loss, of the variable's shape.
            variable: The variable.
            learning_rate: The learning rate of this step.
        """
        if self.decay and len(variable.shape) > 1:
            gradient = gradient + self.decay * keras.ops.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings from which Keras makes an equal optimizer."""
        return super().get_config() | {"decay": self.decay}
