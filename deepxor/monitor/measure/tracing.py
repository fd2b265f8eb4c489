"""Functions of tensors that are traced by hand."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

T = TypeVar("T")


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


def outside_of_step(function: Callable[[], T]) -> T:
    """Returns what a function returns, called eagerly while a step is traced.

    In another thread, which knows nothing of the trace. `tf.init_scope` is not enough:
    a function may make variables while it is traced first, and not when it is traced
    again; and no tape records in it.

    Args:
        function: Takes nothing.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()


def step_variable(value: Any, dtype: tf.DType) -> tf.Variable:
    """Returns a variable that a training step may assign to, made at any time.

    Args:
        value: At the start.
        dtype: Its type.
    """
    return outside_of_step(functools.partial(_variable, np.asarray(value), dtype))


def _variable(value: np.ndarray, dtype: tf.DType) -> tf.Variable:
    return tf.Variable(
        value.astype(dtype.as_numpy_dtype),
        dtype=dtype,
        trainable=False,
        # Under a distribution strategy each replica may write its own.
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
