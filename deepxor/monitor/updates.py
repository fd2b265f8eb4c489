"""How much a training call changes the weights of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor import quantities
from deepxor.monitor.statistics import WEIGHT_QUANTITIES

# Copying and comparing all weights takes as long as a small training step: where every
# step is a record, not every one gets it.
MIN_STEPS = 10


class Updates:
    """Compares the weights before and after a training call.

    Outside of the compiled step: kept inside it for a comparison, the weights would be
    copied at every step instead of updated in place.

    Args:
        layers: Name -> layer.
    """

    def __init__(self, layers: Mapping[str, keras.layers.Layer]) -> None:
        self._variables = [
            [variable.value for variable in layer.trainable_variables]
            for layer in layers.values()
        ]
        # Traced by hand: of functions made anew by every fit, TensorFlow would say that
        # they are traced too often.
        self._copy: Any = None
        self._measure: Any = None
        self._before: list[tf.Tensor] | None = None
        self._step = -MIN_STEPS

    def start(self, step: int) -> None:
        """Copies the weights before a call, if the last time is long enough ago.

        Args:
            step: The number of the step to come.
        """
        if 0 <= step - self._step < MIN_STEPS or not self._variables:
            return
        if self._copy is None:
            self._copy = tf.function(self._values).get_concrete_function()
            specs = [tf.TensorSpec(x.shape) for x in self._copy.structured_outputs]
            self._measure = tf.function(self._compare).get_concrete_function(specs)
        self._step, self._before = step, self._copy()

    def finish(self, step: int) -> tuple[range, np.ndarray]:
        """Compares the weights with those before, and lets go of them.

        Args:
            step: The number of the step to come.

        Returns:
            The steps in between, and float32 [2, layers]: `WEIGHT_QUANTITIES` over all
            of them.
        """
        before, self._before = self._before, None
        if not before:
            return range(0), np.zeros((len(WEIGHT_QUANTITIES), 0), np.float32)
        return range(self._step, step), self._measure(before).numpy()

    def _values(self) -> list[tf.Tensor]:
        """Returns the weights of each layer as one vector."""
        return [
            tf.concat([tf.reshape(tf.cast(v, tf.float32), [-1]) for v in variables], 0)
            for variables in self._variables
        ]

    def _compare(self, before: list[tf.Tensor]) -> tf.Tensor:
        pairs = zip(before, self._values(), strict=True)
        return tf.stack([quantities.weight_statistics(*pair) for pair in pairs], axis=1)
