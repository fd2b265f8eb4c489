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
    # Few passes over the elements, and few copies: this is what a record costs.
    absolute = [_absolute_parts(gradients, is_compiled) for gradients in layers]
    sums = [_sums(parts, is_compiled) if parts else None for parts in absolute]
    ends = tf.stack([row[2] for row in sums if row is not None] or [tf.constant(0.0)])
    totals = tf.add_n([row[1] for row in sums if row is not None] or [tf.constant(0.0)])
    # XLA's maximum passes over NaN; the sum does not.
    is_plain = tf.math.is_finite(totals) & tf.reduce_all(
        (ends == 0) | ((ends > SAFE_SMALLEST) & (ends < SAFE_LARGEST))
    )
    return tf.cond(
        is_plain,
        lambda: tf.stack([NO_GRADIENT if row is None else row for row in sums]),
        # From the gradients: what is used there has to be kept as a tensor.
        lambda: tf.stack([_careful_statistics(gradients) for gradients in layers]),
    )


def _sums(parts: Sequence[tf.Tensor], is_compiled: bool) -> tf.Tensor:
    """Returns a layer's statistics; right if all is finite and no square overflows."""
    size = _size(parts)
    squares = [_square_sum(part, is_compiled) for part in parts]
    largest = tf.reduce_max(tf.stack([tf.reduce_max(part) for part in parts]))
    zeros = size - _sum([tf.sign(part) for part in parts])
    norm = tf.sqrt(tf.add_n(squares))
    return tf.stack([norm, _sum(parts) / size, largest, zeros / size, 0.0])


def _careful_statistics(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns a layer's statistics, right in any case."""
    if not gradients:
        return tf.constant(NO_GRADIENT)
    parts = _absolute_parts(gradients, is_compiled=False)
    size, total = _size(parts), _sum(parts)
    largest = tf.reduce_max(tf.stack([tf.reduce_max(part) for part in parts]))
    largest = tf.where(tf.math.is_nan(total), total, largest)
    zeros = _count(parts, lambda x: x == 0)
    finite = _count(parts, _is_finite)
    scale = 1 / tf.clip_by_value(largest, SMALLEST_SCALE, LARGEST_SCALE)
    norm = _plain_norm([part * scale for part in parts]) / scale
    return tf.stack([norm, total / size, largest, zeros / size, size - finite])


def _absolute_parts(
    gradients: Sequence[tf.Tensor], is_compiled: bool
) -> list[tf.Tensor]:
    """Returns the absolute elements as vectors."""
    # XLA does not vectorize what reads from a concatenation.
    flat = _vectors(gradients) if is_compiled else _flat_parts(gradients)
    return [tf.abs(part) for part in flat]


def _square_sum(part: tf.Tensor, is_compiled: bool) -> tf.Tensor:
    if is_compiled:
        # Of a bare sum of products, XLA makes a dot product, which is not vectorized.
        return tf.reduce_sum(tf.maximum(tf.square(part), 0.0))
    return 2 * tf.nn.l2_loss(part)  # half the sum, with no copy of the squares


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
    for part in _flat_parts(gradients):
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
    """Returns the elements as vectors, many small tensors in one to save operations."""
    flat = _vectors(tensors)
    if len(flat) > 1 and _size(flat) <= 2**16:
        return [tf.concat(flat, axis=0)]
    return flat


def _size(parts: Sequence[tf.Tensor]) -> float:
    return float(sum(part.shape.num_elements() for part in parts))


def _sum(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(part) for part in parts])


def _count(
    parts: Sequence[tf.Tensor], mask: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    return _sum([tf.cast(mask(part), tf.float32) for part in parts])


def _is_finite(part: tf.Tensor) -> tf.Tensor:
    return tf.math.is_finite(part)


def _plain_norm(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.sqrt(tf.add_n([_square_sum(part, is_compiled=False) for part in parts]))
