"""How much a training call changes the weights of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor import quantities
from deepxor.monitor.statistics import WEIGHT_QUANTITIES
from deepxor.monitor.tracing import Traced


class Updates:
    """Compares the weights before and after a training call.

    Outside of the compiled step: kept inside it for a comparison, the weights would be
    copied at every step instead of updated in place. Held from outside, they are copied
    at the steps compared only, by TensorFlow or by XLA as they are about to change.

    Args:
        layers: Name -> layer.
    """

    def __init__(self, layers: Mapping[str, keras.layers.Layer]) -> None:
        self._variables = [
            [variable.value for variable in layer.trainable_variables]
            for layer in layers.values()
        ]
        self._read: Any = None
        self._measure = Traced(self._compare)
        self._before: list[tf.Tensor] | None = None
        self._step = 0

    def start(self, step: int) -> None:
        """Takes hold of the weights before a call.

        Args:
            step: The number of the step to come.
        """
        if not self._variables:
            return
        if self._read is None:
            self._read = tf.function(self._values).get_concrete_function()
        self._step, self._before = step, self._read()

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
        return [v.read_value() for layer in self._variables for v in layer]

    def _compare(self, *before: tf.Tensor) -> tf.Tensor:
        pairs = iter(zip(before, self._values(), strict=True))
        rows = []
        for variables in self._variables:
            old, new = zip(*(next(pairs) for _ in variables), strict=True)
            rows.append(quantities.weight_statistics(old, new))
        return tf.stack(rows, axis=1)
