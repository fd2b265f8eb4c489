"""Measures layers of replicas at a record: outputs, slopes, factors and updates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.activations import (
    FLAT_SLOPE,
    is_elementwise,
    largest_slope,
)
from deepxor.statistics import finite_percentiles, ratio
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.network.snapshot import Snapshot


class LayerMeasures:
    """Measures each layer of a network in each of its replicas at a step.

    That takes one more backward pass. NumPy takes it: a graph of TensorFlow would take
    longer to trace than all records together, and as a part of the compiled loop it
    would take XLA as long to compile as all the rest.

    Args:
        network: The network, whose hidden layers all have the same activation.
    """

    def __init__(self, network: ReplicaNetwork) -> None:
        self._network = network
        hidden = network.stack[:-1]
        self._activation = hidden[0].activation if hidden else None
        # Dead units and flat parts are those of functions of single numbers.
        self._is_elementwise = is_elementwise(self._activation)
        self._flat_slope = 0.0
        if self._activation is not None and self._is_elementwise:
            self._flat_slope = FLAT_SLOPE * min(largest_slope(self._activation), 1.0)

    def quantities(self, before: tf.Tensor, after: tf.Tensor) -> dict[str, np.ndarray]:
        """Returns the medians over the replicas of what is measured at a step.

        The factors are quotients of medians, so that their product over some layers is
        the quotient of the median norms at both ends.

        Args:
            before: The rows of the `Latest` before the step, [rows, R].
            after: The rows of the `Latest` after it.

        Returns:
            The quantities by name, [layers] each; NaN where one is not defined.
        """
        with np.errstate(all="ignore"):  # some replicas may have diverged
            return self._medians(before, after)

    def _medians(self, before: tf.Tensor, after: tf.Tensor) -> dict[str, np.ndarray]:
        old, new = self._network.unpack(before), self._network.unpack(after)
        inputs = self._pre_activations(old)
        slopes = self._slopes(inputs[:-1])
        at_outputs, at_inputs = self._backpropagate(old, inputs, slopes)
        changes = [b - a for a, b in zip(old.weights, new.weights, strict=True)]
        weights = _norms(_pairs(old.weights))
        outputs = _median(_norms(at_outputs))
        before_activation = _median(_norms(at_inputs))
        # The layer's weights take the gradient to the output of the layer before.
        arriving = np.concatenate([[np.nan], outputs[:-1]])
        # The loss begins at the last layer's pre-activations.
        shown = [*old.outputs[:-1], inputs[-1]]
        counts = np.array([math.prod(output.shape[:-1]) for output in shown])
        return {
            "slope_factor": ratio(before_activation, outputs),
            "weight_factor": ratio(arriving, before_activation),
            "dead_fraction": self._shares(
                [(a == 0).all(axis=0) for a in self._activations(old, inputs[:-1])]
            ),
            "saturated_fraction": self._shares(
                [np.abs(slope) < self._flat_slope for slope in slopes]
            ),
            "activation_rms": _median(_norms(shown) / np.sqrt(counts)[:, None]),
            "weight_norm": _median(weights),
            "update_ratio": _median(ratio(_norms(_pairs(changes)), weights)),
        }

    def _pre_activations(self, state: Snapshot) -> list[np.ndarray]:
        """Returns the pre-activations of all layers, [samples, columns, R] each."""
        x = np.broadcast_to(
            self._network.x[:, :, None],
            (*self._network.x.shape, self._network.replicas),
        )
        pairs = zip(state.weights[::2], state.weights[1::2], strict=True)
        return [
            (h[:, :, None] * kernel).sum(axis=1) + bias
            for h, (kernel, bias) in zip([x, *state.outputs], pairs, strict=False)
        ]

    def _activations(
        self, state: Snapshot, inputs: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Returns the hidden layers' outputs without what a shortcut has added."""
        return [
            np.asarray(layer.activate(z)) if layer.has_shortcut else output
            for layer, z, output in zip(
                self._network.stack, inputs, state.outputs, strict=False
            )
        ]

    def _slopes(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Returns the slopes of the hidden layers at their pre-activations."""
        if not inputs:
            return []
        if self._network.stack[0].pieces > 1:
            return [self._shares_of_pieces(z) for z in inputs]
        rows = tf.constant(np.concatenate([z.reshape(-1, z.shape[-1]) for z in inputs]))
        with tf.GradientTape() as tape:
            tape.watch(rows)
            outputs = rows if self._activation is None else self._activation(rows)
        slopes = tape.gradient(outputs, rows).numpy()
        ends = np.cumsum([math.prod(z.shape[:-1]) for z in inputs])
        parts = np.split(slopes, ends[:-1])
        return [part.reshape(z.shape) for part, z in zip(parts, inputs, strict=True)]

    def _shares_of_pieces(self, z: np.ndarray) -> np.ndarray:
        """Returns the slopes of maxout: equal shares for the largest pieces."""
        pieces = self._network.stack[0].pieces
        parts = z.reshape(len(z), -1, pieces, z.shape[-1])
        is_largest = parts == parts.max(axis=2, keepdims=True)
        count = np.maximum(is_largest.sum(axis=2, keepdims=True), 1)
        return (is_largest / count).reshape(z.shape).astype(z.dtype)

    def _backpropagate(
        self, state: Snapshot, inputs: list[np.ndarray], slopes: list[np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Returns the gradients at the outputs and at the pre-activations, by layer.

        The last layer ends in its logits, whose sigmoid is a part of the loss.
        """
        # p - y, without a difference of nearly equal numbers.
        sign = np.where(self._network.y[:, :, None] > 0.5, -1, 1).astype(np.float32)
        at_input = sign / (1 + np.exp(-sign * inputs[-1])) / np.float32(len(sign))
        at_outputs, at_inputs = [at_input], [at_input]
        for layer in range(len(inputs) - 1, 0, -1):
            kernel = state.weights[2 * layer]
            at_output = (at_input[:, None] * kernel).sum(axis=2)
            if self._network.stack[layer].has_shortcut:
                at_output = at_output + at_outputs[-1]
            pieces = self._network.stack[layer - 1].pieces
            at_input = np.repeat(at_output, pieces, axis=1) * slopes[layer - 1]
            at_outputs.append(at_output)
            at_inputs.append(at_input)
        return at_outputs[::-1], at_inputs[::-1]

    def _shares(self, masks: list[np.ndarray]) -> np.ndarray:
        """Returns the median share of what is true in hidden layers, [layers].

        It is NaN for the last layer and where activations are not elementwise.
        """
        if not self._is_elementwise:
            return np.full(len(masks) + 1, np.nan)
        shares = [mask.reshape(-1, mask.shape[-1]).mean(axis=0) for mask in masks]
        return np.append(_median(np.array(shares)), np.nan)


def _pairs(weights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns the rows of kernel and bias together, for each layer."""
    rows = [weight.reshape(-1, weight.shape[-1]) for weight in weights]
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [np.concatenate(pair) for pair in pairs]


def _norms(layers: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the L2 norm of each layer, float64 [layers, R]."""
    # In float32 the square of a number below 1e-19 would be 0.
    rows = [x.reshape(-1, x.shape[-1]).astype(np.float64) for x in layers]
    return np.sqrt([np.square(x).sum(axis=0) for x in rows])


def _median(values: np.ndarray) -> np.ndarray:
    """Returns the median over the replicas with a finite value."""
    return finite_percentiles(values, 50)[0]
