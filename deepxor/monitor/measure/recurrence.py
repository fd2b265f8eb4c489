"""Measures how much gradient reaches the beginning of a recurrent layer's sequences."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from deepxor import compat
from deepxor.monitor.measure.tracing import Traced

# The number of samples to look at. A few are enough, as the loss of gradient through
# time differs little between samples.
SAMPLES = 8


class Recurrence:
    """Measures how much gradient a model's recurrent layers lose back through time.

    The weights of a recurrent layer get the sum of the gradients of all time steps. So
    their gradient looks ordinary, due to the last time steps, even where that of the
    first ones is lost. This class sends a gradient back from the last output to the
    initial state. The training step only keeps the sequences. The measurement is a
    function outside of the step that uses a copy of the layer without dropout, and the
    weights as they are after a step.

    Args:
        layers: The recurrent layers, and for each the index of its row in the result of
            `measure`.
        rows: The number of rows.

    Attributes:
        reasons: The reasons why some of the layers are not measured.
    """

    def __init__(
        self, layers: Sequence[tuple[keras.layers.RNN, int]], rows: int
    ) -> None:
        self._rows = rows
        self._functions: dict[int, tuple[int, Traced]] = {}
        self.reasons: list[str] = []
        for layer, row in layers:
            reason = _reason_not_to_call(layer)
            if reason is None:
                copy = compat.without_dropout(layer)
                function = Traced(functools.partial(time_ratio, copy))
                self._functions[id(layer)] = row, function
            else:
                self.reasons.append(reason)

    def measure(self, kept: Mapping[int, Sequence[tf.Tensor]]) -> np.ndarray:
        """Returns how much gradient is left at the beginning of the kept sequences.

        Args:
            kept: Maps the id of a layer to a list of the sequences of some samples,
                [batch, steps, ...], and, if there is one, the mask [batch, steps]. The
                list is empty if nothing was kept.

        Returns:
            float32 [rows], the `time_ratio` of each row's layer, the larger one if it
            has two directions; NaN where there is no recurrent layer, or where nothing
            was kept.
        """
        ratios = np.full(self._rows, np.nan, np.float32)
        for key, (row, function) in self._functions.items():
            tensors = kept.get(key, ())
            if tensors:
                ratios[row] = np.fmax(ratios[row], function(tensors).numpy())
        return ratios


def _reason_not_to_call(layer: keras.layers.RNN) -> str | None:
    """Returns why a layer cannot be called once more without side effects."""
    cells = [layer.cell]
    while cells:
        cell = cells.pop()
        if not compat.is_of_keras(type(cell)):
            kind = type(cell).__name__
            return f"the cell {kind} of {layer.name} is not Keras's own"
        cells += getattr(cell, "cells", [])
    if not compat.is_of_keras(type(layer)):
        return f"{layer.name}, a {type(layer).__name__}, is not Keras's own"
    for cell in compat.parts(layer):
        for name in ("activation", "recurrent_activation"):
            activation = getattr(cell, name, None)
            if activation is not None and not compat.is_of_keras(activation):
                return f"the activation of {layer.name} is not Keras's own"
    return None


def time_ratio(
    layer: keras.layers.RNN, sequences: tf.Tensor, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """Returns how much of the gradient at the last output reaches the initial state.

    Hochreiter 1991; Pascanu et al. 2013, "On the difficulty of training recurrent
    neural networks", eq. 5: the product of the derivatives of each state with respect
    to the state before.

    Args:
        layer: The built recurrent layer.
        sequences: [batch, steps, ...], the inputs of the layer.
        mask: [batch, steps], the mask of the inputs, or None.

    Returns:
        Scalar, a ratio of L2 norms: that of the gradient of the sum of the last outputs
        with respect to the initial states, which are zeros, over that of the gradient
        with respect to the last outputs.
    """
    states = layer.get_initial_state(batch_size=sequences.shape[0])
    # The states have the form that `call` makes; those of stacked cells are nested.
    states = list(states) if isinstance(states, list | tuple) else [states]
    dtype = layer.cell.compute_dtype
    states = keras.tree.map_structure(lambda state: tf.cast(state, dtype), states)
    with tf.GradientTape() as tape:
        tape.watch(keras.tree.flatten(states))
        # `call` would assign the states of a stateful layer.
        last, _, _ = layer.inner_loop(sequences, states, mask, training=False)
        total = tf.reduce_sum(tf.cast(last, tf.float32))
    flat = keras.tree.flatten(states)
    gradients = tape.gradient(total, flat, unconnected_gradients="zero")
    norm = tf.linalg.global_norm([tf.cast(g, tf.float32) for g in gradients])
    return norm / tf.sqrt(tf.cast(tf.size(last), tf.float32))
