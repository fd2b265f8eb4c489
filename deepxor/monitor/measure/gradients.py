"""Measures gradients, by pure functions inside the training step."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.sums import LayerSums, fast_layer_sums, layer_sums
from deepxor.monitor.measure.tracing import usually
from deepxor.quantities import GRADIENT, names
from deepxor.statistics import BINS_PER_DECADE, LOG10_EDGES, LOG10_FLOOR

# The most elements to compute from at once. Results of more elements fit neither in the
# processor's cache nor in memory that the process already has, so that passes over them
# take two to three times as long.
MAX_ELEMENTS = 2**16

# The columns of the table [layers, columns], one for each quantity of the gradient.
# Each function computes its column from the sums over the elements of the layers and
# from the numbers of elements, [layers] each.
COLUMNS: dict[str, Callable[[LayerSums, np.ndarray], tf.Tensor]] = {
    "norm": lambda sums, sizes: tf.sqrt(sums.squares),
    "mean_abs": lambda sums, sizes: sums.absolute / sizes,
    # A maximum may ignore NaN; a sum does not.
    "max_abs": lambda sums, sizes: tf.where(
        tf.math.is_nan(sums.absolute), sums.absolute, sums.largest
    ),
    "zero_fraction": lambda sums, sizes: _zero_fraction(sums.nonzero, sizes),
    "non_finite": lambda sums, sizes: sums.non_finite,
}


def _zero_fraction(nonzero: tf.Tensor, sizes: np.ndarray) -> tf.Tensor:
    """Returns the share of zeros, which is 1 only if there is nothing else.

    A quotient alone would not do: XLA multiplies by 1 / size, so that it may be
    0.99999994 of nothing but zeros; and it may round to 1 if one of many is not zero.
    """
    below_one = np.nextafter(np.float32(1), np.float32(0)).astype(sizes.dtype)
    share = tf.minimum((sizes - nonzero) / sizes, below_one)
    return tf.where(nonzero == 0, tf.ones_like(share), share)


def gradient_statistics(
    layers: Sequence[Sequence[tf.Tensor]], is_compiled: bool
) -> tf.Tensor:
    """Returns the gradient's quantities of every layer, in the order of the table.

    Args:
        layers: The gradients of each layer, one for each variable; dense tensors of
            static shapes.
        is_compiled: Whether XLA compiles this code; it affects only the speed.

    Returns:
        float32 [layers, columns], each over all elements of a layer's variables. For a
        layer without gradients all columns are 0, except the zero fraction, which is 1.
    """
    if not any(layers):
        return _statistics(LayerSums(*[tf.zeros([len(layers)])] * 5), layers)
    tensors = [gradient for gradients in layers for gradient in gradients]
    counts = [len(gradients) for gradients in layers]
    if is_compiled:
        # With a branch for rare cases XLA would keep all gradients until the end of
        # the step.
        return _exact_statistics(counts, *tensors)
    vectors = [flat_parts(gradients) for gradients in layers]
    sums, are_right = fast_layer_sums(vectors)
    return usually(
        are_right,
        _statistics(sums, vectors),
        functools.partial(_exact_statistics, counts),
        # Only the gradients: other inputs of the branch would have to be kept for it.
        tensors,
    )


def _exact_statistics(counts: Sequence[int], *gradients: tf.Tensor) -> tf.Tensor:
    """Returns the statistics of layers, also where sums in float32 would be wrong.

    Args:
        counts: The number of gradients of each layer.
        *gradients: The gradients of all layers in turn.
    """
    rest = iter(gradients)
    # XLA does not vectorize loops that read from a concatenation, and needs no pieces.
    vectors = [_vectors([next(rest) for _ in range(count)]) for count in counts]
    return _statistics(layer_sums(vectors), vectors)


def _statistics(sums: LayerSums, vectors: Sequence[Sequence[tf.Tensor]]) -> tf.Tensor:
    # For a layer without elements the sums are 0. With a size of 1 its zero fraction is
    # 1, not 0 / 0.
    sizes = np.maximum([_size(layer) for layer in vectors], 1)
    sizes = sizes.astype(sums.squares.dtype.as_numpy_dtype)
    columns = [COLUMNS[name](sums, sizes) for name in names(GRADIENT)]
    return tf.cast(tf.stack(columns, axis=1), tf.float32)


def variable_sums(gradient: Any, variable: keras.Variable, scale: Any) -> tf.Tensor:
    """Returns the `LayerSums` of one gradient as a vector that can leave a branch.

    Args:
        gradient: A tensor or a `tf.IndexedSlices`.
        variable: The variable of the gradient.
        scale: The factor to divide the gradient by; None if it is not scaled.

    Returns:
        float64 [5], in the order of the fields.
    """
    vectors = _vectors([unscaled(dense(gradient, variable), scale)])
    return tf.concat(layer_sums([vectors]), axis=0)


def carried_statistics(
    sums: Sequence[tf.Tensor], variables: Sequence[keras.Variable]
) -> tf.Tensor:
    """Returns the gradient's quantities of one layer from the sums of its variables.

    Args:
        sums: The `variable_sums` of each variable.
        variables: The variables of the layer.

    Returns:
        float32 [columns].
    """
    stacked = tf.stack(sums)
    totals = tf.reduce_sum(stacked[:, :4], axis=0, keepdims=True)
    largest = tf.reduce_max(stacked[:, 4:], axis=0, keepdims=True)
    parts = tf.unstack(tf.concat([totals, largest], axis=1), axis=1)
    return _statistics(LayerSums(*parts), [[tf.zeros(v.shape) for v in variables]])[0]


def dense(gradient: Any, variable: keras.Variable) -> tf.Tensor:
    """Returns a gradient as a dense tensor of its variable's shape.

    Args:
        gradient: A tensor or a `tf.IndexedSlices`.
        variable: The variable of the gradient.
    """
    if isinstance(gradient, tf.IndexedSlices):
        gradient = tf.math.unsorted_segment_sum(
            gradient.values, gradient.indices, variable.shape[0]
        )
    return tf.reshape(gradient, variable.shape)


def unscaled(gradient: tf.Tensor, scale: Any) -> tf.Tensor:
    """Returns a gradient divided by the scale of its loss.

    Args:
        gradient: The gradient.
        scale: The factor to divide by; None if the gradient is not scaled.
    """
    return gradient if scale is None else gradient / tf.cast(scale, gradient.dtype)


def log10_bins(values: tf.Tensor) -> tf.Tensor:
    """Returns the number of the bin in which log10 of each value counts.

    The bins are those of `statistics.LOG10_EDGES`.

    Args:
        values: float32 of any shape, none negative.

    Returns:
        uint8 of the same shape. Zeros and values below the edges count in the first
        bin, values above the edges in the last one. NaN and infinity get the number
        after that of the last bin.
    """
    bins = len(LOG10_EDGES) - 1
    floor = tf.maximum(values, 10.0**LOG10_FLOOR)
    logs = tf.math.log(floor) / math.log(10.0)
    # A tiny amount is added, lest rounding move a value on an edge into the bin below.
    position = (logs - LOG10_FLOOR) * BINS_PER_DECADE + 1e-4
    position = tf.where(
        tf.math.is_finite(values), tf.minimum(position, bins - 1), float(bins)
    )
    return tf.cast(tf.cast(position, tf.int32), tf.uint8)


def log10_counts(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Counts the absolute values of gradient elements in the bins of `log10_bins`.

    Args:
        gradients: The dense gradients of a layer, one for each variable.

    Returns:
        int32 [bins]; NaN and infinity count in no bin.
    """
    bins = len(LOG10_EDGES)
    total = tf.zeros([bins], tf.int32)
    for part in _joined(gradients):
        bin_of = tf.cast(log10_bins(tf.abs(part)), tf.int32)
        total += tf.math.unsorted_segment_sum(tf.ones_like(bin_of), bin_of, bins)
    return total[:-1]


def _vectors(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    return [tf.reshape(tf.cast(tensor, tf.float32), [-1]) for tensor in tensors]


def flat_parts(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the elements of tensors as vectors, cutting up long ones.

    A vector of more than `MAX_ELEMENTS` elements is cut into equal pieces of at most as
    many, unless its size has no suitable divisor.

    Args:
        tensors: Tensors of static shapes.

    Returns:
        float32 vectors.
    """
    return [piece for vector in _joined(tensors) for piece in _pieces(vector)]


def _joined(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns tensors as vectors, joining small ones into one to save operations."""
    flat = _vectors(tensors)
    if len(flat) > 1 and _size(flat) <= MAX_ELEMENTS:
        return [tf.concat(flat, axis=0)]
    return flat


def _pieces(vector: tf.Tensor) -> list[tf.Tensor]:
    """Returns a long vector in pieces of the same size, without copying it."""
    size = vector.shape.num_elements()
    least = -(-size // MAX_ELEMENTS)
    count = next((n for n in range(least, 4 * least) if size % n == 0), 1)
    if count == 1:
        return [vector]
    return tf.unstack(tf.reshape(vector, [count, size // count]))


def _size(parts: Sequence[tf.Tensor]) -> float:
    return float(sum(part.shape.num_elements() for part in parts))
