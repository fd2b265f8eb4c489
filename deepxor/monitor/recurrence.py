"""How much of a recurrent layer's gradient reaches the beginning of its sequences."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor.probe import step_variable

# Of so many samples, or as many as have this many numbers; of a single one that has
# more, nothing is kept. The way back through time differs little between samples.
SAMPLES = 8
MOST_NUMBERS = 2**16

# After a measurement at step s, the next one is at s + 1 + s / this, or later: so the
# latter third of any training has one, and a long training few.
SPARSENESS = 4


class Recurrence:
    """Measures how the gradient fares in a model's recurrent layers, back through time.

    The weights of a recurrent layer get the sum of the gradients of all its steps, and
    so an ordinary one from the last steps where that of the first is lost. This sends
    one back from the last output to the initial state. The training step only keeps
    the sequences for it: the measurement is a function of its own, outside, as the
    weights are after a step.

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
        # All that a traced step assigns to, and which the latest trace does.
        self._variables: dict[tuple[Hashable, ...], list[tf.Variable]] = {}
        self._kept: dict[int, list[tf.Variable]] = {}
        self._functions: dict[int, Callable[..., tf.Tensor]] = {}
        self._due = 0

    def keep(self, sequences: Mapping[int, Sequence[tf.Tensor]]) -> None:
        """Adds to the step being traced what keeps some samples of it.

        Args:
            sequences: The id of a layer -> what its latest call got: [batch, steps,
                ...] and, if there is one, the mask [batch, steps].
        """
        for layer, _ in self._layers:
            tensors = sequences.get(id(layer), ())
            count = _sample_count(tensors)
            if not count:
                self._kept.pop(id(layer), None)
                continue
            # A batch may have fewer samples: then its last one counts several times.
            last = tf.shape(tensors[0])[0] - 1
            taken = [tf.gather(x, tf.minimum(tf.range(count), last)) for x in tensors]
            self._kept[id(layer)] = kept = self._variables_for(layer, taken)
            for variable, x in zip(kept, taken, strict=True):
                variable.assign(x)

    def measure(self, step: int) -> np.ndarray:
        """Returns what is left of the gradient at the beginning, if it is time.

        Args:
            step: That of the sequences kept.

        Returns:
            float32 [rows]: L2 norm of the gradient of the sum of a layer's last outputs
            with respect to its initial state, over that with respect to the last
            outputs themselves. The larger of a layer's two directions; NaN where there
            is no recurrent layer, and everywhere if it is too early for another
            measurement.
        """
        ratios = np.full(self._rows, np.nan, np.float32)
        if step < self._due:
            return ratios
        self._due = step + 1 + step // SPARSENESS
        for layer, row in self._layers:
            kept = self._kept.get(id(layer))
            if kept:
                ratio = self._function(layer)(*(v.read_value() for v in kept))
                ratios[row] = np.fmax(ratios[row], ratio.numpy())
        return ratios

    def _variables_for(
        self, layer: keras.layers.RNN, tensors: Sequence[tf.Tensor]
    ) -> list[tf.Variable]:
        """Returns variables of a layer's own for tensors of these shapes."""
        key = (id(layer), *(tuple(x.shape) for x in tensors))
        if key not in self._variables:
            with tf.init_scope():
                self._variables[key] = [
                    step_variable(tf.zeros(x.shape, x.dtype), x.dtype) for x in tensors
                ]
        return self._variables[key]

    def _function(self, layer: keras.layers.RNN) -> Callable[..., tf.Tensor]:
        if id(layer) not in self._functions:
            measure = functools.partial(time_ratio, layer)
            self._functions[id(layer)] = tf.function(measure, autograph=False)
        return self._functions[id(layer)]


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


def _sample_count(tensors: Sequence[tf.Tensor]) -> int:
    """Returns how many samples of a layer's sequences are to be kept."""
    if not tensors or any(None in x.shape[1:] for x in tensors):
        return 0
    numbers = math.prod(tensors[0].shape[1:])
    return min(SAMPLES, MOST_NUMBERS // max(numbers, 1))
