"""Activations of the zoo as Keras saves them with a model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from deepxor.checks import refuse
from deepxor.nn.activations import ACTIVATIONS


@keras.saving.register_keras_serializable(package="deepxor")
class ZooActivation:
    """Applies an elementwise activation of the zoo that has options, such as a slope.

    Keras saves its own functions by their names, but cannot save a partial function
    with its options. It can save an object of this class.

    Args:
        name: A key of `ACTIVATIONS` other than maxout.
    """

    def __init__(self, name: str) -> None:
        self.name = self.__name__ = name
        self._function = activation_function(name)

    def __call__(self, x: Any) -> Any:
        """Returns the activations of pre-activations of any shape."""
        return self._function(x)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings that `from_config` takes."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ZooActivation:
        """Returns the activation that `get_config` describes."""
        return cls(**config)


def keras_activation(name: str) -> Any:
    """Returns an activation for a layer's `activation=`, which Keras can save.

    Args:
        name: A key of `ACTIVATIONS` other than maxout.

    Returns:
        Keras's own function if the activation has no options, else a `ZooActivation`.
    """
    activation = ACTIVATIONS[name]
    if activation.options:
        return ZooActivation(name)
    return keras.activations.get(activation.keras_name)


def activation_function(name: str, alpha: float = 1.0) -> Callable[[Any], Any]:
    """Returns the Keras function of an activation.

    Args:
        name: A key of `ACTIVATIONS` other than maxout.
        alpha: Minus the limit of elu at minus infinity; other activations ignore it.

    Returns:
        A function from pre-activations to activations, of any shape.

    Raises:
        ValueError: If the activation is not an elementwise function.
    """
    import keras

    activation = ACTIVATIONS[name]
    if activation.keras_name is None:
        refuse("name", name, "the name of an elementwise activation, not of a layer")
    options = dict(activation.options, **({"alpha": alpha} if name == "elu" else {}))
    return partial(getattr(keras.activations, activation.keras_name), **options)
