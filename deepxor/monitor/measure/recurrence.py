"""How much of a recurrent layer's gradient reaches the beginning of its sequences."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from deepxor import compat
from deepxor.monitor.measure.tracing import Traced

# The way back through time differs little between samples.
SAMPLES = 8


class Recurrence:
    """Measures how the gradient fares in a model's recurrent layers, back through time.

    The weights of a recurrent layer get the sum of the gradients of all its steps, and
    so an ordinary one from the last steps where that of the first is lost. This sends
    one back from the last output to the initial state. The training step only keeps
    the sequences for it: the measurement is a function of its own, outside, with the
    weights as they are after a step, of a copy of the layer without dropout.

    Args:
        layers: Those that get sequences, and for each the row of what `measure`
            returns.
        rows: The number of rows.

    Attributes:
        reasons: Why some of them are not measured.
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
        """Returns what is left of the gradient at the beginning of the sequences kept.

        Args:
            kept: A layer's id -> the sequences of some samples, [batch, steps, ...],
                and, if there is one, the mask [batch, steps]; or nothing.

        Returns:
            float32 [rows]: `time_ratio` of the layer, the larger one of two directions;
            NaN where there is no recurrent layer, or nothing was kept.
        """
        ratios = np.full(self._rows, np.nan, np.float32)
        for key, (row, function) in self._functions.items():
            tensors = kept.get(key, ())
            if tensors:
                ratios[row] = np.fmax(ratios[row], function(tensors).numpy())
        return ratios


def _reason_not_to_call(layer: keras.layers.RNN) -> str | None:
    """Says why a layer cannot be run once more without changing something."""
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
    neural networks", eq. 5: the product of a state's derivatives by the one before.

    Args:
        layer: Built.
        sequences: [batch, steps, ...].
        mask: [batch, steps], or None.

    Returns:
        Scalar: L2 norm of the gradient of the sum of the last outputs with respect to
        the initial states, all of zeros, over that with respect to the last outputs.
    """
    states = layer.get_initial_state(batch_size=sequences.shape[0])
    # As `call` makes them; those of stacked cells are nested.
    states = list(states) if isinstance(states, list | tuple) else [states]
    dtype = layer.cell.compute_dtype
    states = keras.tree.map_structure(lambda state: tf.cast(state, dtype), states)
    with tf.GradientTape() as tape:
        tape.watch(keras.tree.flatten(states))
        # Not `call`, which would assign the states of a stateful layer.
        last, _, _ = layer.inner_loop(sequences, states, mask, training=False)
        total = tf.reduce_sum(tf.cast(last, tf.float32))
    flat = keras.tree.flatten(states)
    gradients = tape.gradient(total, flat, unconnected_gradients="zero")
    norm = tf.linalg.global_norm([tf.cast(g, tf.float32) for g in gradients])
    return norm / tf.sqrt(tf.cast(tf.size(last), tf.float32))
