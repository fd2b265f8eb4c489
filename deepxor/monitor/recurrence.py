"""How much of a recurrent layer's gradient reaches the beginning of its sequences."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor.samples import Samples
from deepxor.monitor.tracing import Traced

# The way back through time differs little between samples.
SAMPLES = 8


class Recurrence:
    """Measures how the gradient fares in a model's recurrent layers, back through time.

    The weights of a recurrent layer get the sum of the gradients of all its steps, and
    so an ordinary one from the last steps where that of the first is lost. This sends
    one back from the last output to the initial state. The training step only keeps
    the sequences for it: the measurement is a function of its own, outside, with the
    weights as they are after a step.

    Args:
        layers: Those that get sequences, and for each the row of what `measure`
            returns.
        rows: The number of rows.
    """

    def __init__(
        self, layers: Sequence[tuple[keras.layers.RNN, int]], rows: int
    ) -> None:
        self._layers = layers
        self._rows = rows
        self._samples = Samples(SAMPLES)
        self._functions: list[Traced | None] = [
            Traced(functools.partial(time_ratio, layer)) for layer, _ in layers
        ]

    def keep(self, sequences: Mapping[int, Sequence[tf.Tensor]]) -> None:
        """Adds to the step being traced what keeps some samples of it.

        Args:
            sequences: The id of a layer -> what its latest call got: [batch, steps,
                ...] and, if there is one, the mask [batch, steps].
        """
        for layer, _ in self._layers:
            self._samples.keep(id(layer), sequences.get(id(layer), ()))

    def measure(self) -> np.ndarray:
        """Returns what is left of the gradient at the beginning of the sequences kept.

        Returns:
            float32 [rows]: `time_ratio` of the layer, the larger one of two directions;
            NaN where there is no recurrent layer, or nothing was kept.
        """
        ratios = np.full(self._rows, np.nan, np.float32)
        for number, (layer, row) in enumerate(self._layers):
            function = self._functions[number]
            tensors = self._samples.tensors(id(layer))
            if function is None or not tensors:
                continue
            try:
                ratios[row] = np.fmax(ratios[row], function(tensors).numpy())
            except Exception:  # a cell of somebody's own, which expects more
                self._functions[number] = None
        return ratios


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
