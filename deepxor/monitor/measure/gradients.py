"""What is measured of gradients: pure functions inside the training step."""

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

# What is computed from more elements at once is neither kept in the processor's cache
# nor in memory that the process has already: passes take two to three times as long.
MAX_ELEMENTS = 2**16

# A column of the table [layers, columns] for each quantity of the gradient: what makes
# it from the sums over a layer's elements and their number, [layers] each.
COLUMNS: dict[str, Callable[[LayerSums, np.ndarray], tf.Tensor]] = {
    "norm": lambda sums, sizes: tf.sqrt(sums.squares),
    "mean_abs": lambda sums, sizes: sums.absolute / sizes,
    # A maximum may pass over NaN; a sum does not.
    "max_abs": lambda sums, sizes: tf.where(
        tf.math.is_nan(sums.absolute), sums.absolute, sums.largest
    ),
    "zero_fraction": lambda sums, sizes: (sizes - sums.nonzero) / sizes,
    "non_finite": lambda sums, sizes: sums.non_finite,
}


def gradient_statistics(
    layers: Sequence[Sequence[tf.Tensor]], is_compiled: bool
) -> tf.Tensor:
    """Returns the gradient's quantities of every layer, in the order of the table.

    Args:
        layers: For each its gradients, one a variable; dense, of a static shape.
        is_compiled: Whether XLA compiles this; it makes no difference but to speed.

    Returns:
        float32 [layers, columns], over all elements of a layer's variables. With no
        gradient at all every column is 0, but for the fraction of zeros, which is 1.
    """
    if not any(layers):
        return _statistics(LayerSums(*[tf.zeros([len(layers)])] * 5), layers)
    tensors = [gradient for gradients in layers for gradient in gradients]
    counts = [len(gradients) for gradients in layers]
    if is_compiled:
        # A branch for rare cases would keep all gradients until the end of the step.
        return _exact_statistics(counts, *tensors)
    vectors = [flat_parts(gradients) for gradients in layers]
    sums, are_right = fast_layer_sums(vectors)
    return usually(
        are_right,
        _statistics(sums, vectors),
        functools.partial(_exact_statistics, counts),
        # The gradients: what else it needs would have to be kept for it.
        tensors,
    )


def _exact_statistics(counts: Sequence[int], *gradients: tf.Tensor) -> tf.Tensor:
    """Returns the statistics of layers of so many gradients each, right in any case."""
    rest = iter(gradients)
    # XLA does not vectorize what reads from a concatenation, and needs no pieces.
    vectors = [_vectors([next(rest) for _ in range(count)]) for count in counts]
    return _statistics(layer_sums(vectors), vectors)


def _statistics(sums: LayerSums, vectors: Sequence[Sequence[tf.Tensor]]) -> tf.Tensor:
    # Where there is no element, the sums are 0, and a size of 1 makes it `NO_GRADIENT`.
    sizes = np.maximum([_size(layer) for layer in vectors], 1)
    sizes = sizes.astype(sums.squares.dtype.as_numpy_dtype)
    columns = [COLUMNS[name](sums, sizes) for name in names(GRADIENT)]
    return tf.cast(tf.stack(columns, axis=1), tf.float32)


def variable_sums(gradient: Any, variable: keras.Variable, scale: Any) -> tf.Tensor:
    """Returns the `LayerSums` of one gradient, to be carried out of a branch.

    Args:
        gradient: A tensor or a `tf.IndexedSlices`.
        variable: The variable.
        scale: What to divide the gradient by; None for nothing.

    Returns:
        float64 [5].
    """
    vectors = _vectors([unscaled(dense(gradient, variable), scale)])
    return tf.concat(layer_sums([vectors]), axis=0)


def carried_statistics(
    sums: Sequence[tf.Tensor], variables: Sequence[keras.Variable]
) -> tf.Tensor:
    """Returns the gradient's quantities of one layer from its variables' sums.

    Args:
        sums: `variable_sums` of each.
        variables: The variables.

    Returns:
        float32 [columns].
    """
    stacked = tf.stack(sums)
    totals = tf.reduce_sum(stacked[:, :4], axis=0, keepdims=True)
    largest = tf.reduce_max(stacked[:, 4:], axis=0, keepdims=True)
    parts = tf.unstack(tf.concat([totals, largest], axis=1), axis=1)
    return _statistics(LayerSums(*parts), [[tf.zeros(v.shape) for v in variables]])[0]


def dense(gradient: Any, variable: keras.Variable) -> tf.Tensor:
    """Returns a gradient as a tensor of its variable's shape.

    Args:
        gradient: A tensor or a `tf.IndexedSlices`.
        variable: The variable.
    """
    if isinstance(gradient, tf.IndexedSlices):
        gradient = tf.math.unsorted_segment_sum(
            gradient.values, gradient.indices, variable.shape[0]
        )
    return tf.reshape(gradient, variable.shape)


def unscaled(gradient: tf.Tensor, scale: Any) -> tf.Tensor:
    """Returns a gradient over the scale of its loss, None for none."""
    return gradient if scale is None else gradient / tf.cast(scale, gradient.dtype)


def log10_bins(values: tf.Tensor) -> tf.Tensor:
    """Returns in which bin of `statistics.LOG10_EDGES` log10 of each value counts.

    Args:
        values: float32 of any shape, none negative.

    Returns:
        uint8 of the same shape; zeros and what is below the edges count in the first
        bin, what is above them in the last. NaN and infinity have the number after it.
    """
    bins = len(LOG10_EDGES) - 1
    floor = tf.maximum(values, 10.0**LOG10_FLOOR)
    logs = tf.math.log(floor) / math.log(10.0)
    # A hair's breadth up, lest rounding put a value on an edge below it.
    position = (logs - LOG10_FLOOR) * BINS_PER_DECADE + 1e-4
    position = tf.where(
        tf.math.is_finite(values), tf.minimum(position, bins - 1), float(bins)
    )
    return tf.cast(tf.cast(position, tf.int32), tf.uint8)


def log10_counts(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Counts the absolute elements in the bins of `log10_bins`.

    Args:
        gradients: Dense; one a variable.

    Returns:
        int32 [bins]; NaN and infinity count nowhere.
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
    """Returns the elements as vectors, none of them very long."""
    return [piece for vector in _joined(tensors) for piece in _pieces(vector)]


def _joined(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the elements as vectors, many small tensors in one to save operations."""
    flat = _vectors(tensors)
    if len(flat) > 1 and _size(flat) <= MAX_ELEMENTS:
        return [tf.concat(flat, axis=0)]
    return flat


def _pieces(vector: tf.Tensor) -> list[tf.Tensor]:
    """Returns a long vector in pieces of the same size, which are no copies."""
    size = vector.shape.num_elements()
    least = -(-size // MAX_ELEMENTS)
    count = next((n for n in range(least, 4 * least) if size % n == 0), 1)
    if count == 1:
        return [vector]
    return tf.unstack(tf.reshape(vector, [count, size // count]))


def _size(parts: Sequence[tf.Tensor]) -> float:
    return float(sum(part.shape.num_elements() for part in parts))
