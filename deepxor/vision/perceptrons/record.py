"""What a record measures of all layers of all networks, inside of the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.activations import FLAT_SLOPE, NOT_ELEMENTWISE
from deepxor.nn.activations import ACTIVATIONS
from deepxor.nn.keras_activation import activation_function
from deepxor.quantities import names
from deepxor.vision.perceptrons.network import Activation, Pass

# So many pictures of a batch tell whether units are dead or saturated, as many as
# `GradientMonitor` looks at.
SAMPLE = 32


def measure(
    before: Sequence[tf.Tensor],
    after: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    found: Pass,
    activation: str,
) -> tf.Tensor:
    """Returns the quantities of a step, as `GradientMonitor` defines them.

    Args:
        before: The blocks of weights before the step.
        after: The same after the step.
        gradients: Their gradients.
        found: The forward pass of the step.
        activation: The name of the activation.

    Returns:
        float32 [quantities, layers, R], in the order of `quantities.QUANTITIES`; NaN
        for what is not measured.
    """
    measured = _of_gradients(gradients)
    weight_norm = _norm(before)
    update = _norm([new - old for old, new in zip(before, after, strict=True)])
    measured["weight_norm"] = weight_norm
    measured["update_ratio"] = tf.where(update == 0, 0.0, update / weight_norm)
    measured |= _of_activations(found, activation)
    unknown = tf.fill(tf.shape(weight_norm), np.float32(np.nan))
    return tf.stack([measured.get(name, unknown) for name in names()])


def _of_gradients(gradients: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
    sizes = np.repeat(
        [np.float32(block.shape[2] * block.shape[3]) for block in gradients],
        [block.shape[0] for block in gradients],
    )[:, None]
    absolute = [tf.abs(block) for block in gradients]
    total = _over_elements(tf.reduce_sum, absolute)
    largest = _over_elements(tf.reduce_max, absolute)
    # A maximum may ignore NaN; a sum does not.
    largest = tf.where(tf.math.is_nan(total), total, largest)
    zeros = [tf.cast(block == 0, tf.float32) for block in absolute]
    # A comparison with NaN is false.
    finite = [tf.cast(block < np.inf, tf.float32) for block in absolute]
    return {
        "norm": _scaled_norm(gradients, largest),
        "mean_abs": total / sizes,
        "max_abs": largest,
        "zero_fraction": _over_elements(tf.reduce_sum, zeros) / sizes,
        "non_finite": sizes - _over_elements(tf.reduce_sum, finite),
    }


def _scaled_norm(blocks: Sequence[tf.Tensor], largest: tf.Tensor) -> tf.Tensor:
    """Returns the L2 norm of each layer, [layers, R].

    A square would underflow below 1e-19, so the largest element is taken out.

    Args:
        blocks: The blocks.
        largest: The largest absolute value of each layer, [layers, R].
    """
    scale = tf.where((largest > 0) & (largest < np.inf), largest, 1.0)
    scales = tf.split(scale[:, :, None, None], [block.shape[0] for block in blocks])
    scaled = [block / top for block, top in zip(blocks, scales, strict=True)]
    return scale * _norm(scaled)


def _norm(blocks: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the L2 norm of each layer, [layers, R], of numbers of usual size."""

    def norm(block: tf.Tensor, axis: list[int]) -> tf.Tensor:
        # One operation, which makes no copy of the squares.
        return tf.raw_ops.EuclideanNorm(input=block, axis=axis)

    return _over_elements(norm, blocks)


def _over_elements(
    reduce: Callable[[tf.Tensor, list[int]], tf.Tensor], blocks: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Returns what a function makes of the elements of each layer, [layers, R]."""
    return tf.concat([reduce(block, [2, 3]) for block in blocks], axis=0)


def _of_activations(found: Pass, name: str) -> dict[str, tf.Tensor]:
    """Returns the quantities of the activations; the last layer has none."""
    activation = activation_function(name)
    z = tf.stack([hidden[:, :SAMPLE] for hidden in found.hidden])
    outputs = activation(z)
    logits = found.logits[None, :, :SAMPLE]
    measured = {
        "activation_rms": tf.concat([_rms(outputs), _rms(logits)], axis=0),
    }
    if name in NOT_ELEMENTWISE:
        return measured
    silent = tf.reduce_all(outputs == 0, axis=2)
    is_flat = tf.abs(_slope(activation, z)) < FLAT_SLOPE * min(
        ACTIVATIONS[name].largest_slope, 1.0
    )
    last = tf.fill([1, tf.shape(z)[1]], np.float32(np.nan))
    shares = {
        "dead_fraction": tf.reduce_mean(tf.cast(silent, tf.float32), axis=2),
        "saturated_fraction": tf.reduce_mean(tf.cast(is_flat, tf.float32), [2, 3]),
    }
    return measured | {
        key: tf.concat([value, last], axis=0) for key, value in shares.items()
    }


def _slope(activation: Activation, z: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(z)
        outputs = activation(z)
    return tape.gradient(outputs, z)


def _rms(values: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(values), [2, 3]))
