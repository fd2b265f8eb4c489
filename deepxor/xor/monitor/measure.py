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
from deepxor.statistics import finite_percentiles
from deepxor.xor.network.loop import holding
from deepxor.xor.network.model import ReplicaNetwork
from deepxor.xor.network.snapshot import pack


class LayerMeasures:
    """Measures each layer of a network in each of its replicas at a step.

    That takes one more forward and backward pass, in a graph of its own: as a part of
    the compiled loop it would take XLA as long to compile as all the rest. The graph is
    small, as tracing it takes time, too: what is measured of all layers is computed
    from the rows of all layers together.

    Args:
        network: The network, whose hidden layers all have the same activation.
    """

    def __init__(self, network: ReplicaNetwork) -> None:
        self._network = network
        self._is_elementwise = np.array(
            [is_elementwise(layer.activation) for layer in network.stack]
        )
        first = network.stack[int(self._is_elementwise.argmax())]
        self._activation = first.activation if self._is_elementwise.any() else None
        self._flat_slope = 0.0
        if self._activation is not None:
            self._flat_slope = FLAT_SLOPE * min(largest_slope(self._activation), 1.0)
        self._weight_shapes = [v.shape[:-1] for v in network.trainable_variables]
        spec = tf.TensorSpec([None, network.replicas], network.compute_dtype)
        self._measure = tf.function(self._measured, [spec, spec], autograph=False)

    def prepare(self) -> None:
        """Traces the graph, so that the first record does not wait for it."""
        self._measure.get_concrete_function()

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
        table = self._measure(before, after).numpy()
        (medians,) = finite_percentiles(table.reshape(-1, table.shape[-1]), 50)
        norms, ratios, outputs, inputs, rms, dead, saturated = medians.reshape(
            table.shape[:2]
        )
        # The layer's weights take the gradient to the output of the layer before.
        arriving = np.concatenate([[np.nan], outputs[:-1]])
        return {
            "slope_factor": _quotient(inputs, outputs),
            "weight_factor": _quotient(arriving, inputs),
            "dead_fraction": np.where(self._is_elementwise, dead, np.nan),
            "saturated_fraction": np.where(self._is_elementwise, saturated, np.nan),
            "activation_rms": rms,
            "weight_norm": norms,
            "update_ratio": ratios,
        }

    def _measured(self, before: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
        """Returns all that is measured, float64 [quantities, layers, R]."""
        network = self._network
        sizes = [math.prod(shape) for shape in self._weight_shapes]
        old, new = before[: sum(sizes)], after[: sum(sizes)]
        weights = [
            tf.reshape(part, [*shape, network.replicas])
            for part, shape in zip(
                tf.split(old, sizes), self._weight_shapes, strict=True
            )
        ]
        with holding(network.trainable_variables, weights):
            inputs, outputs, at_inputs, at_outputs = self._backpropagate()
        of_layers = [sum(pair) for pair in zip(sizes[::2], sizes[1::2], strict=True)]
        norms = _norms(old, of_layers)
        ratios = tf.math.divide_no_nan(_norms(new - old, of_layers), norms)
        counts = [_row_count(output) for output in outputs]
        columns = [_row_count(z) for z in inputs]
        is_silent = [tf.reduce_all(output == 0, axis=0) for output in outputs]
        return tf.stack(
            [
                norms,
                ratios,
                _norms(pack(at_outputs), counts),
                _norms(pack(at_inputs), columns),
                _norms(pack(outputs), counts) / np.sqrt(counts)[:, None],
                _means(pack(is_silent), [_row_count(silent) for silent in is_silent]),
                self._saturated(inputs, columns),
            ]
        )

    def _backpropagate(self) -> tuple[list[tf.Tensor], ...]:
        """Returns pre-activations and outputs of the layers, and the gradients there.

        Returns:
            Four lists of a tensor [samples, units, R] for each layer.
        """
        inputs: list[tf.Tensor] = []
        outputs: list[tf.Tensor] = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            x = tf.expand_dims(self._network.x, 2)
            for layer in self._network.stack:
                inputs.append(layer.pre_activate(x))
                tape.watch(inputs[-1])
                x = layer.activate(inputs[-1])
                outputs.append(x)
                tape.watch(x)
            loss = tf.reduce_sum(self._network.replica_cost(x))
        return inputs, outputs, *tape.gradient(loss, [inputs, outputs])

    def _saturated(self, inputs: list[tf.Tensor], counts: Sequence[int]) -> tf.Tensor:
        """Returns the share of outputs on a flat part of the activation, [layers, R].

        Layers without an elementwise activation have any number.
        """
        rows = pack(inputs)
        if self._activation is None:
            return tf.zeros([len(counts), self._network.replicas], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            outputs = self._activation(rows)
        slopes = tf.abs(tape.gradient(outputs, rows))
        return _means(slopes < self._flat_slope, counts)


def _row_count(values: tf.Tensor) -> int:
    return math.prod(values.shape[:-1])


def _means(rows: tf.Tensor, counts: Sequence[int]) -> tf.Tensor:
    """Returns the mean of each layer's rows, float64 [layers, R].

    Args:
        rows: The rows of all layers in turn, [rows, R].
        counts: The number of rows of each layer.
    """
    layers = np.repeat(np.arange(len(counts)), counts)
    return tf.math.segment_mean(tf.cast(rows, tf.float64), layers)


def _norms(rows: tf.Tensor, counts: Sequence[int]) -> tf.Tensor:
    """Returns the L2 norm of each layer's rows, float64 [layers, R].

    Args:
        rows: The rows of all layers in turn, [rows, R].
        counts: The number of rows of each layer.
    """
    layers = np.repeat(np.arange(len(counts)), counts)
    # In float32 the square of a number below 1e-19 would be 0.
    squares = tf.square(tf.cast(rows, tf.float64))
    return tf.sqrt(tf.math.segment_sum(squares, layers))


def _quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    is_defined = np.isfinite(above) & np.isfinite(below) & (below > 0)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=is_defined)
