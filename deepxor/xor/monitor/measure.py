"""Measures layers of replicas outside of the steps: outputs, slopes and updates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.activations import (
    FLAT_SLOPE,
    is_elementwise,
    largest_slope,
)
from deepxor.statistics import finite_percentiles
from deepxor.xor.network.layers import ReplicaDense
from deepxor.xor.network.loop import Trainable


class LayerMeasures:
    """Measures each layer of a network in each of its replicas.

    Args:
        network: The network.
    """

    def __init__(self, network: Trainable) -> None:
        self._network = network
        # The slope below which the activation of a layer is flat; NaN where each output
        # depends on several pre-activations, or there is no activation.
        self._flat = [_flat_slope(layer) for layer in network.stack]

    def state(self) -> tf.Tensor:
        """Returns what is measured of the present weights, with one backward pass.

        Returns:
            float32 [5, layers, R]: the norms of the gradient at the layers' outputs and
            at their pre-activations, the fractions of dead units and of saturated
            outputs, and the root mean square of the outputs, in the order that
            `state_quantities` takes.
        """
        network = self._network
        before: list[tf.Tensor] = []
        after: list[tf.Tensor] = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            x = tf.expand_dims(network.x, 2)
            for layer in network.stack:
                with tf.name_scope(layer.name):
                    before.append(layer.pre_activate(x))
                    tape.watch(before[-1])
                    x = layer.activate(before[-1])
                after.append(x)
                tape.watch(x)
            loss = tf.reduce_sum(network.replica_cost(x))
        at_outputs, at_inputs = tape.gradient(loss, [after, before])
        rows = [
            [_norm(gradient) for gradient in at_outputs],
            [_norm(gradient) for gradient in at_inputs],
            [_dead(output) for output in after],
            [
                _saturated(layer, z, flat)
                for layer, z, flat in zip(
                    network.stack, before, self._flat, strict=True
                )
            ],
            [_root_mean_square(output) for output in after],
        ]
        return tf.stack([tf.stack(row) for row in rows])

    def updates(
        self, before: Sequence[tf.Tensor], after: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        """Returns the norms of each layer's weights and of their change.

        Args:
            before: The weights before the steps, kernels and biases in turn, [..., R].
            after: The weights after the steps.

        Returns:
            float32 [2, layers, R], as `update_quantities` takes them.
        """
        changes = [new - old for old, new in zip(before, after, strict=True)]
        return tf.stack([_layer_norms(before), _layer_norms(changes)])

    def state_quantities(self, state: np.ndarray) -> dict[str, np.ndarray]:
        """Returns medians over the replicas of what `state` has measured.

        The factors are quotients of medians, so that their product over some layers is
        the quotient of the median norms at both ends.

        Args:
            state: float32 [5, layers, R].

        Returns:
            The quantities by name, [layers] each; NaN where one is not defined.
        """
        outputs, inputs, dead, saturated, rms = finite_percentiles(
            state.reshape(-1, state.shape[-1]), 50
        )[0].reshape(state.shape[:2])
        is_flat_known = ~np.isnan(self._flat)
        # The last layer's gradient arrives at what is before it.
        arriving = np.concatenate([[np.nan], outputs[:-1]])
        return {
            "slope_factor": _quotient(inputs, outputs),
            "weight_factor": _quotient(arriving, inputs),
            "dead_fraction": np.where(is_flat_known, dead, np.nan),
            "saturated_fraction": np.where(is_flat_known, saturated, np.nan),
            "activation_rms": rms,
        }


def update_quantities(updates: np.ndarray) -> dict[str, np.ndarray]:
    """Returns medians over the replicas of what `LayerMeasures.updates` has measured.

    Args:
        updates: float32 [2, layers, R] of a single step.

    Returns:
        The quantities by name, [layers] each.
    """
    weights, changes = updates
    ratios = _quotient(changes, weights)
    (weight_norm,) = finite_percentiles(weights, 50)
    (update_ratio,) = finite_percentiles(ratios, 50)
    return {"weight_norm": weight_norm, "update_ratio": update_ratio}


def _flat_slope(layer: ReplicaDense) -> float:
    if layer.activation is None or not is_elementwise(layer.activation):
        return float("nan")
    return FLAT_SLOPE * min(largest_slope(layer.activation), 1.0)


def _norm(values: tf.Tensor) -> tf.Tensor:
    """Returns the L2 norm of each replica, [R], however small the values are."""
    axes = list(range(values.shape.rank - 1))
    largest = tf.reduce_max(tf.abs(values), axis=axes)
    # A square of a number below 1e-19 would be 0.
    scale = tf.where(largest > 0, largest, 1)
    return scale * tf.sqrt(tf.reduce_sum(tf.square(values / scale), axis=axes))


def _layer_norms(weights: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the L2 norm of kernel and bias of each layer together, [layers, R]."""
    norms = [_norm(weight) for weight in weights]
    pairs = zip(norms[::2], norms[1::2], strict=True)
    return tf.stack([_norm(tf.stack(pair)) for pair in pairs])


def _dead(outputs: tf.Tensor) -> tf.Tensor:
    """Returns the share of units that are 0 for all samples, of each replica, [R]."""
    is_silent = tf.reduce_all(outputs == 0, axis=0)
    return tf.reduce_mean(tf.cast(is_silent, outputs.dtype), axis=0)


def _saturated(layer: ReplicaDense, z: tf.Tensor, flat: float) -> tf.Tensor:
    """Returns the share of outputs on a flat part, of each replica, [R]."""
    if np.isnan(flat):
        return tf.zeros(tf.shape(z)[-1:], z.dtype)
    with tf.GradientTape() as tape:
        tape.watch(z)
        outputs = layer.activate(z)
    slopes = tf.abs(tape.gradient(outputs, z))
    return tf.reduce_mean(tf.cast(slopes < flat, z.dtype), axis=[0, 1])


def _root_mean_square(outputs: tf.Tensor) -> tf.Tensor:
    count = tf.cast(tf.reduce_prod(tf.shape(outputs)[:-1]), outputs.dtype)
    return _norm(outputs) / tf.sqrt(count)


def _quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    is_defined = np.isfinite(above) & np.isfinite(below) & (below > 0)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=is_defined)
