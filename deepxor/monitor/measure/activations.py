"""Measures activations: finds silent units and saturated outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from deepxor import compat

# Activations whose slope says nothing about a unit: the identity, and those that act on
# a whole vector or on the pieces of a unit.
NOT_ELEMENTWISE = ("linear", "softmax", "log_softmax", "sparsemax", "glu", "maxout")

# An activation is flat where its slope is below this share of its largest one: a
# sigmoid beyond +-4.4, a tanh beyond +-2.2, a ReLU below 0.
FLAT_SLOPE = 0.05


class Activity(NamedTuple):
    """Holds the inputs and outputs of one call of an activation for a few samples.

    Attributes:
        inputs: [samples, ...], the pre-activations, or values at which the activation
            has the same slope.
        outputs: [samples, ...], the activations.
    """

    inputs: tf.Tensor
    outputs: tf.Tensor


def is_elementwise(activation: Any) -> bool:
    """Whether an object is an activation that acts on each number by itself.

    Args:
        activation: The `activation` attribute of a layer, perhaps None.
    """
    return callable(activation) and (
        getattr(activation, "__name__", "") not in NOT_ELEMENTWISE
    )


def silent_units(activities: Sequence[Activity], axis: int) -> tf.Tensor:
    """Returns which units are zero for all samples, in all calls.

    Args:
        activities: The calls of one activation, all with the same number of units.
        axis: The axis of the outputs along which the units lie.

    Returns:
        bool [units]; the units of a convolution are its channels.
    """
    silent = []
    for activity in activities:
        rank = activity.outputs.shape.rank
        others = [i for i in range(rank) if i != axis % rank]
        silent.append(tf.reduce_all(activity.outputs == 0, axis=others))
    return tf.reduce_all(tf.stack(silent), axis=0)


def root_mean_square(outputs: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the root mean square of the outputs of all calls of a layer.

    Args:
        outputs: [samples, ...] each.

    Returns:
        float32 scalar.
    """
    squares = [tf.reduce_mean(tf.square(tf.cast(x, tf.float32))) for x in outputs]
    return tf.sqrt(tf.reduce_mean(tf.stack(squares)))


class Slopes:
    """Finds where an activation is saturated, which is where its slope is next to 0.

    Args:
        activation: The activation, an elementwise function or layer.
        shape: The shape of the activation's inputs, [samples, ...].
        is_eager: Whether the training step runs eagerly.

    Attributes:
        activation: The activation as a function of a tensor.
        reason: The reason why the activation cannot be measured, nor called once more;
            None if it can.
    """

    def __init__(self, activation: Any, shape: tf.TensorShape, is_eager: bool) -> None:
        is_layer = isinstance(activation, keras.layers.Layer)
        self.activation = activation.call if is_layer else activation
        self.reason = _reason_not_to_call(activation, shape, is_eager)
        self._flat = 0.0
        if self.reason is None:
            try:
                self._flat = FLAT_SLOPE * min(largest_slope(self.activation), 1.0)
            except Exception as error:  # some, with parameters, take no vector
                self.reason = f"{_name(activation)} has no largest slope: {error}"

    def saturated(self, activities: Sequence[Activity]) -> tf.Tensor:
        """Returns the share of outputs, over all calls, where the slope is next to 0.

        Args:
            activities: The calls of the activation.

        Returns:
            float32 scalar, from 0 to 1.
        """
        shares = [tf.reduce_mean(self._is_flat(activity)) for activity in activities]
        return tf.reduce_mean(tf.stack(shares))

    def _is_flat(self, activity: Activity) -> tf.Tensor:
        inputs = tf.cast(activity.inputs, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = self.activation(inputs)
        slopes = tf.cast(tape.gradient(outputs, inputs), tf.float32)
        return tf.cast(tf.abs(slopes) < self._flat, tf.float32)


def _reason_not_to_call(
    activation: Any, shape: tf.TensorShape, is_eager: bool
) -> str | None:
    """Returns why an activation cannot be called once more without side effects."""
    name = _name(activation)
    if isinstance(activation, keras.layers.Layer) and activation.variables:
        return f"{name} has weights or a seed of its own"
    origin = _origin(activation)
    if origin == "keras":
        return None
    if is_eager and origin != "tensorflow":
        return f"{name} is not Keras's own, and runs as Python"
    try:
        spec = tf.TensorSpec([None, *shape[1:]], tf.float32)
        traced = tf.function(activation, autograph=False).get_concrete_function(spec)
    except Exception as error:  # a custom activation may expect something else
        return f"{name} cannot be called by itself: {error}"
    if compat.has_state(traced):
        return f"{name} has a state of its own"
    return None


def _name(activation: Any) -> str:
    names = (getattr(activation, key, None) for key in ("name", "__name__"))
    return f"the activation {next(filter(None, names), activation)}"


def _origin(activation: Any) -> str:
    """Returns the name of the package that defines an activation."""
    is_layer = isinstance(activation, keras.layers.Layer)
    module = getattr(type(activation) if is_layer else activation, "__module__", "")
    return (module or "").split(".")[0]


def inverse_of(activation: Any) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """Returns the inverse of one of Keras's activations, if it is known.

    Args:
        activation: An activation function.

    Returns:
        A function that maps outputs to inputs of the same slope, or None if no inverse
        is known. For ReLU and leaky ReLU, whose slope depends on the sign alone, it
        returns the outputs unchanged.
    """
    name = getattr(activation, "__name__", "")
    # A custom function of the same name does not count.
    is_known = getattr(keras.activations, name, None) is activation
    return INVERSES.get(name) if is_known else None


def _inverse_elu(y: tf.Tensor) -> tf.Tensor:
    return tf.where(y > 0, y, tf.math.log1p(tf.minimum(y, 0)))


def _inverse_sigmoid(y: tf.Tensor) -> tf.Tensor:
    return tf.math.log(y) - tf.math.log1p(-y)


INVERSES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.identity,
    "relu6": tf.identity,
    "leaky_relu": tf.identity,
    "elu": _inverse_elu,
    "tanh": tf.math.atanh,
    "sigmoid": _inverse_sigmoid,
}

# Inverses of the operations that TensorFlow fuses with the matrix product before them.
INVERSES_OF_OPERATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "Relu": tf.identity,
    "Relu6": tf.identity,
    "LeakyRelu": tf.identity,
    "Elu": _inverse_elu,
    "Tanh": tf.math.atanh,
    "Sigmoid": _inverse_sigmoid,
}


def largest_slope(function: Callable[[tf.Tensor], tf.Tensor]) -> float:
    """Returns the largest absolute slope of an activation between -8 and 8.

    Args:
        function: An elementwise function without state.
    """
    points = tf.linspace(-8.0, 8.0, 1601)
    with tf.GradientTape() as tape:
        tape.watch(points)
        outputs = function(points)
    return float(tf.reduce_max(tf.abs(tape.gradient(outputs, points))))
