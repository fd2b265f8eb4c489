"""Reads some samples of a tensor of the training step without changing the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def first_samples(tensor: tf.Tensor, count: int, is_compiled: bool) -> tf.Tensor:
    """Returns the first samples of a tensor, see `samples_at`.

    Args:
        tensor: [batch, ...].
        count: The most samples to return.
        is_compiled: Whether XLA compiles the step.

    Returns:
        [up to `count`, ...].
    """
    if is_compiled or not tf.is_symbolic_tensor(tensor):
        return tensor[:count]
    # Of a whole batch a slice would be the same tensor again, and TensorFlow would
    # take what is computed from it for what the step itself computes.
    rows = tf.range(tf.minimum(count, tf.shape(tensor)[0]))
    return samples_at(tensor, rows, is_compiled)


def samples_at(tensor: tf.Tensor, rows: tf.Tensor, is_compiled: bool) -> tf.Tensor:
    """Returns some samples of a tensor, in the step that is being traced.

    TensorFlow computes a product, its bias and what comes after in one fused operation,
    unless anything else reads the values in between; without the fusion the results are
    rounded differently. So such values are not read: they are computed once more, for
    these samples only, from what goes into the product.

    Args:
        tensor: [batch, ...].
        rows: int [samples], the numbers of the samples.
        is_compiled: Whether XLA compiles the step, which may read any value.

    Returns:
        [samples, ...].
    """
    if is_compiled or not tf.is_symbolic_tensor(tensor):
        return tf.gather(tensor, rows)
    operation = tensor.op
    if operation.type in _PRODUCTS:
        return _again(operation, rows)
    if operation.type in ("Add", "AddV2", "BiasAdd"):
        product, bias = operation.inputs
        if product.op.type in _PRODUCTS and bias.shape.rank == 1:
            values = _again(product.op, rows)
            if operation.type == "BiasAdd":
                data_format = operation.get_attr("data_format").decode()
                return tf.raw_ops.BiasAdd(
                    value=values, bias=bias, data_format=data_format
                )
            return values + bias
    return tf.gather(tensor, rows)


def _again(operation: tf.Operation, rows: tf.Tensor) -> tf.Tensor:
    inputs, weights = operation.inputs
    return _PRODUCTS[operation.type](operation, tf.gather(inputs, rows), weights)


def _product(operation: tf.Operation, inputs: Any, weights: Any) -> tf.Tensor:
    return tf.matmul(inputs, weights, transpose_b=operation.get_attr("transpose_b"))


def _convolution(
    compute: Callable[..., tf.Tensor], names: tuple[str, ...]
) -> Callable[[tf.Operation, Any, Any], tf.Tensor]:
    """Returns a function that computes a convolution as an operation does."""

    def again(operation: tf.Operation, inputs: Any, weights: Any) -> tf.Tensor:
        found = {name: operation.get_attr(name) for name in names}
        options = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in found.items()
        }
        return compute(input=inputs, filter=weights, **options)

    return again


_PLANE = ("strides", "padding", "explicit_paddings", "data_format", "dilations")
_SPACE = ("strides", "padding", "data_format", "dilations")

# The operations that TensorFlow fuses with what comes after them, and what computes
# them once more.
_PRODUCTS: dict[str, Callable[[tf.Operation, Any, Any], tf.Tensor]] = {
    "MatMul": _product,
    "Conv2D": _convolution(tf.raw_ops.Conv2D, _PLANE),
    "Conv3D": _convolution(tf.raw_ops.Conv3D, _SPACE),
    "DepthwiseConv2dNative": _convolution(tf.raw_ops.DepthwiseConv2dNative, _PLANE),
}
