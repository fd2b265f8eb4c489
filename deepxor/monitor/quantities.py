"""What the monitor keeps of a layer: pure functions inside the training step.

Their results are the columns of a record, in the order of `statistics.QUANTITIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from deepxor.monitor.statistics import BINS_PER_DECADE, LOG10_EDGES, LOG10_FLOOR

# An activation is flat where its slope is below this share of its largest one: a
# sigmoid beyond +-4.4, a tanh beyond +-2.2, a ReLU below 0.
FLAT_SLOPE = 0.05

# Between these, the square of a layer's largest element and the sum of all squares are
# well within float32. Beyond them the norm is taken of gradients scaled by the largest
# element, and the scale is kept within float32 by the other two.
SAFE_SMALLEST, SAFE_LARGEST = 1e-12, 1e12
SMALLEST_SCALE, LARGEST_SCALE = 1e-30, 1e30


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


def gradient_statistics(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the `GRADIENT_QUANTITIES` of one layer.

    Args:
        gradients: Dense, of a static shape; one a variable.

    Returns:
        float32 [5], over all elements of all variables: L2 norm, mean absolute value,
        largest absolute value, fraction of exact zeros, number of NaN and infinite
        elements. With no gradient at all, 0, 0, 0, 1, 0.
    """
    if not gradients:
        return tf.constant([0.0, 0.0, 0.0, 1.0, 0.0])
    # Few passes over the elements, and few copies: this is what a record costs.
    parts = [tf.abs(part) for part in _flat_parts(gradients)]
    size = float(sum(part.shape.num_elements() for part in parts))
    total = _sum(parts)
    largest = tf.reduce_max(tf.stack([tf.reduce_max(part) for part in parts]))
    # XLA's maximum passes over NaN.
    largest = tf.where(tf.math.is_nan(total), total, largest)
    zeros, non_finite = tf.cond(
        tf.math.is_finite(largest),
        lambda: (size - _sum([tf.sign(part) for part in parts]), 0.0),
        lambda: (_count(parts, lambda x: x == 0), size - _count(parts, _is_finite)),
    )
    norm = tf.cond(
        (largest > SAFE_SMALLEST) & (largest < SAFE_LARGEST),
        lambda: _plain_norm(parts),
        lambda: _scaled_norm(parts, largest),
    )
    return tf.stack([norm, total / size, largest, zeros / size, non_finite])


def weight_statistics(before: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """Returns the `WEIGHT_QUANTITIES` of one layer.

    Args:
        before: float32 [n], its weights before a step.
        after: Those after it.

    Returns:
        float32 [2]: L2 norm of the weights before the step, and L2 norm of the step's
        change over it; 0 where nothing changed.
    """
    weight, update = _plain_norm([before]), _plain_norm([after - before])
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


def log10_counts(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Counts log10 of the absolute elements in the bins of `statistics.LOG10_EDGES`.

    Args:
        gradients: Dense; one a variable.

    Returns:
        int32 [bins]; zeros and what is below the edges count in the first bin, what is
        above them in the last, NaN and infinity nowhere.
    """
    bins = len(LOG10_EDGES) - 1
    total = tf.zeros([bins], tf.int32)
    for part in _flat_parts(gradients):
        absolute = tf.abs(part)
        floor = tf.maximum(absolute, 10.0**LOG10_FLOOR)
        logs = tf.math.log(floor) / math.log(10.0)
        # A hair's breadth up, lest rounding put an element on an edge below it.
        position = (logs - LOG10_FLOOR) * BINS_PER_DECADE + 1e-4
        bin_of = tf.cast(tf.clip_by_value(position, 0, bins - 1), tf.int32)
        finite = tf.cast(tf.math.is_finite(part), tf.int32)
        bin_of = tf.where(finite == 1, bin_of, 0)
        total += tf.math.unsorted_segment_sum(finite, bin_of, bins)
    return total


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


def _flat_parts(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the elements as vectors, many small tensors in one to save operations."""
    flat = [tf.reshape(tf.cast(tensor, tf.float32), [-1]) for tensor in tensors]
    if len(flat) > 1 and sum(part.shape.num_elements() for part in flat) <= 2**16:
        return [tf.concat(flat, axis=0)]
    return flat


def _sum(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(part) for part in parts])


def _count(
    parts: Sequence[tf.Tensor], mask: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    return _sum([tf.cast(mask(part), tf.float32) for part in parts])


def _is_finite(part: tf.Tensor) -> tf.Tensor:
    return tf.math.is_finite(part)


def _plain_norm(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    # l2_loss, half the sum of squares, makes no copy of the squares.
    return tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(part) for part in parts]))


def _scaled_norm(parts: Sequence[tf.Tensor], largest: tf.Tensor) -> tf.Tensor:
    """Returns the norm where squares would leave float32's range."""
    scale = 1 / tf.clip_by_value(largest, SMALLEST_SCALE, LARGEST_SCALE)
    return _plain_norm([part * scale for part in parts]) / scale
