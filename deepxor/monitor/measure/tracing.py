"""Tools to trace functions, and to run code outside of the step that is traced."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

T = TypeVar("T")


class Traced:
    """Traces a function of tensors once for each combination of shapes and types.

    The functions are made anew in every fit. If `tf.function` traced them itself,
    TensorFlow would warn that they are traced too often.

    Args:
        function: A function that maps tensors, its positional arguments, to a tensor.
    """

    def __init__(self, function: Callable[..., tf.Tensor]) -> None:
        self._function = tf.function(lambda x: function(*x), autograph=False)
        self._concrete: dict[Hashable, Callable[..., Any]] = {}

    def __call__(self, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the result of the function, traced once for these shapes and types.

        Args:
            tensors: The arguments of the function.
        """
        tensors = list(tensors)
        key = tuple((tuple(x.shape), x.dtype) for x in tensors)
        if key not in self._concrete:
            specs = [tf.TensorSpec(*spec) for spec in key]
            self._concrete[key] = self._function.get_concrete_function(specs)
        # It is called with a list, as it was traced: a call with flat arguments takes
        # milliseconds.
        return self._concrete[key](tensors)


def usually(
    condition: tf.Tensor,
    value: tf.Tensor,
    otherwise: Callable[..., tf.Tensor],
    tensors: Sequence[tf.Tensor],
) -> tf.Tensor:
    """Returns a value or, in the rare case, the result of a function of some tensors.

    This takes a single operation. `tf.cond` would make a switch for each tensor, and
    every step would visit all operations of the branch that is not taken.

    Args:
        condition: bool scalar, whether the value is right.
        value: The value, a tensor of a static shape.
        otherwise: A function that maps the tensors to a tensor of the value's shape and
            type.
        tensors: The arguments of the function, of static shapes.
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
    """Calls a function eagerly, even while a step is traced, and returns its result.

    The function runs in another thread, which the trace does not affect.
    `tf.init_scope` is not enough: in it a function may make variables only while the
    step is traced for the first time, and no tape records.

    Args:
        function: A function without arguments.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()


def step_variable(value: Any, dtype: tf.DType) -> tf.Variable:
    """Returns a new variable that a training step may assign to.

    It can be made at any time, also while a step is traced.

    Args:
        value: The initial value, an array or a number.
        dtype: The type of the variable.
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
