"""Functions of tensors that are traced by hand."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import tensorflow as tf


class Traced:
    """A TensorFlow function of tensors.

    Of functions that every fit makes anew, as `tf.function` does it, TensorFlow would
    warn that they are traced too often.

    Args:
        function: Maps tensors, its positional arguments, to a tensor.
    """

    def __init__(self, function: Callable[..., tf.Tensor]) -> None:
        self._function = tf.function(lambda x: function(*x), autograph=False)
        self._concrete: dict[Hashable, Callable[..., Any]] = {}

    def __call__(self, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns what the function does, traced once for tensors of these shapes."""
        tensors = list(tensors)
        key = tuple((tuple(x.shape), x.dtype) for x in tensors)
        if key not in self._concrete:
            specs = [tf.TensorSpec(*spec) for spec in key]
            self._concrete[key] = self._function.get_concrete_function(specs)
        # With a list, as traced: a call with flat arguments takes milliseconds.
        return self._concrete[key](tensors)


def usually(
    condition: tf.Tensor,
    value: tf.Tensor,
    otherwise: Callable[..., tf.Tensor],
    tensors: Sequence[tf.Tensor],
) -> tf.Tensor:
    """Returns a value or, in the rare case, what a function makes of some tensors.

    In one operation. `tf.cond` makes a switch for each tensor, and every operation of
    the branch that is not taken is visited at every step.

    Args:
        condition: Scalar, true if the value is right.
        value: The value.
        otherwise: Maps the tensors to one of the value's shape and type.
        tensors: Of static shapes.
    """
    if tf.executing_eagerly():
        return value if condition else otherwise(*tensors)
    inputs = [value, *tensors]
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in inputs]
    branches = [
        tf.function(branch, autograph=False).get_concrete_function(*specs)
        # TensorFlow would warn of an argument's name that begins with an underscore.
        for branch in (
            lambda kept, *unused: tf.identity(kept),
            lambda unused, *inputs: otherwise(*inputs),
        )
    ]
    (result,) = tf.raw_ops.StatelessIf(
        cond=condition,
        input=inputs,
        Tout=[value.dtype],
        then_branch=branches[0],
        else_branch=branches[1],
    )
    return tf.ensure_shape(result, value.shape)
