"""What the monitor keeps of a layer: pure functions inside the training step.

Their results are the columns of a record, in the order of `statistics.QUANTITIES`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.monitor.statistics import BINS_PER_DECADE, LOG10_EDGES, LOG10_FLOOR
from deepxor.monitor.sums import LayerSums, fast_layer_sums, layer_sums
from deepxor.monitor.tracing import usually

# An activation is flat where its slope is below this share of its largest one: a
# sigmoid beyond +-4.4, a tanh beyond +-2.2, a ReLU below 0.
FLAT_SLOPE = 0.05

# What is computed from more elements at once is neither kept in the processor's cache
# nor in memory that the process has already: passes take two to three times as long.
MOST_ELEMENTS = 2**16

# The `GRADIENT_QUANTITIES` of a layer that gets none.
NO_GRADIENT = (0.0, 0.0, 0.0, 1.0, 0.0)


class Activity(NamedTuple):
    """An activation and what it got.

    Attributes:
        function: Elementwise.
        inputs: The pre-activations, [batch, ..., units].
        largest_slope: Of the function.
    """

    function: Callable[[tf.Tensor], tf.Tensor]
    inputs: tf.Tensor
    largest_slope: float


def gradient_statistics(
    layers: Sequence[Sequence[tf.Tensor]], is_compiled: bool
) -> tf.Tensor:
    """Returns the `GRADIENT_QUANTITIES` of every layer.

    Args:
        layers: For each its gradients, one a variable; dense, of a static shape.
        is_compiled: Whether XLA compiles this; it makes no difference but to speed.

    Returns:
        float32 [layers, 5], over all elements of a layer's variables: L2 norm, mean
        absolute value, largest absolute value, fraction of exact zeros, number of NaN
        and infinite elements. With no gradient at all, 0, 0, 0, 1, 0.
    """
    if not any(layers):
        return tf.constant([NO_GRADIENT] * len(layers))
    tensors = [gradient for gradients in layers for gradient in gradients]
    counts = [len(gradients) for gradients in layers]
    if is_compiled:
        # A branch for rare cases would keep all gradients until the end of the step.
        return _exact_statistics(counts, *tensors)
    vectors = [_flat_parts(gradients) for gradients in layers]
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
    is_nan = tf.math.is_nan(sums.absolute)
    columns = (
        tf.sqrt(sums.squares),
        sums.absolute / sizes,
        # A maximum may pass over NaN; a sum does not.
        tf.where(is_nan, sums.absolute, sums.largest),
        (sizes - sums.nonzero) / sizes,
        sums.non_finite,
    )
    return tf.cast(tf.stack(columns, axis=1), tf.float32)


def weight_statistics(
    before: Sequence[tf.Tensor], after: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Returns the `WEIGHT_QUANTITIES` of one layer.

    Args:
        before: Its weights before a step, one tensor a variable.
        after: Those after it.

    Returns:
        float32 [2]: L2 norm of the weights before the step, and L2 norm of the step's
        change over it; 0 where nothing changed.
    """
    old, new = _flat_parts(before), _flat_parts(after)
    weight = _plain_norm(old)
    update = _plain_norm([b - a for a, b in zip(old, new, strict=True)])
    return tf.stack([weight, tf.where(update == 0, 0.0, update / weight)])


def activation_statistics(activities: Sequence[Activity]) -> tf.Tensor:
    """Returns the `ACTIVATION_QUANTITIES` of one layer.

    Args:
        activities: One for each call of an activation.

    Returns:
        float32 [2]: the fraction of units (of channels, in a convolution) whose output
        is zero for the whole sample, and the fraction of outputs at which the slope is
        below `FLAT_SLOPE` of the largest one. NaN where there is no activation.
    """
    if not activities:
        return tf.constant([float("nan")] * 2)
    pairs = [_activation_statistics(activity) for activity in activities]
    return tf.reduce_mean(tf.stack(pairs), axis=0)


def _activation_statistics(activity: Activity) -> tf.Tensor:
    inputs = activity.inputs
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = activity.function(inputs)
    slopes = tf.cast(tape.gradient(outputs, inputs), tf.float32)
    is_silent = tf.reduce_all(outputs == 0, axis=list(range(inputs.shape.rank - 1)))
    flat = FLAT_SLOPE * min(activity.largest_slope, 1.0)
    is_flat = tf.abs(slopes) < flat
    means = [tf.reduce_mean(tf.cast(mask, tf.float32)) for mask in (is_silent, is_flat)]
    return tf.stack(means)


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


def largest_slope(function: Callable[[tf.Tensor], tf.Tensor]) -> float:
    """Returns the largest |slope| of an activation between -8 and 8; 1 if unknown.

    Args:
        function: Elementwise; one that takes no vector has parameters of its own.
    """
    points = tf.linspace(-8.0, 8.0, 1601)
    try:
        with tf.GradientTape() as tape:
            tape.watch(points)
            outputs = function(points)
        return float(tf.reduce_max(tf.abs(tape.gradient(outputs, points))))
    except (ValueError, TypeError, tf.errors.InvalidArgumentError):
        return 1.0


def _vectors(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    return [tf.reshape(tf.cast(tensor, tf.float32), [-1]) for tensor in tensors]


def _flat_parts(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the elements as vectors, none of them very long."""
    return [piece for vector in _joined(tensors) for piece in _pieces(vector)]


def _joined(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the elements as vectors, many small tensors in one to save operations."""
    flat = _vectors(tensors)
    if len(flat) > 1 and _size(flat) <= MOST_ELEMENTS:
        return [tf.concat(flat, axis=0)]
    return flat


def _pieces(vector: tf.Tensor) -> list[tf.Tensor]:
    """Returns a long vector in pieces of the same size, which are no copies."""
    size = vector.shape.num_elements()
    least = -(-size // MOST_ELEMENTS)
    count = next((n for n in range(least, 4 * least) if size % n == 0), 1)
    if count == 1:
        return [vector]
    return tf.unstack(tf.reshape(vector, [count, size // count]))


def _size(parts: Sequence[tf.Tensor]) -> float:
    return float(sum(part.shape.num_elements() for part in parts))


def _plain_norm(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    # Half the sums, with no copy of the squares.
    return tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(part) for part in parts]))
