"""How much a training call changes the weights of each layer."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor import quantities
from deepxor.monitor.statistics import WEIGHT_QUANTITIES


class Updates:
    """Compares the weights before and after a training call.

    Outside of the compiled step: kept inside it for a comparison, the weights would be
    copied at every step instead of updated in place.

    Args:
        layers: Name -> layer.
    """

    def __init__(self, layers: Mapping[str, keras.layers.Layer]) -> None:
        self._variables = [layer.trainable_variables for layer in layers.values()]
        self._measure = tf.function(_measure)
        self._before: list[list[tf.Tensor]] | None = None
        self._step = 0

    def start(self, step: int) -> None:
        """Holds on to the weights before a call.

        Args:
            step: The number of the step to come.
        """
        self._step, self._before = step, self._values()

    def finish(self, step: int) -> tuple[range, np.ndarray]:
        """Compares the weights with those before, and lets go of them.

        Args:
            step: The number of the step to come.

        Returns:
            The steps in between, and float32 [2, layers]: `WEIGHT_QUANTITIES` over all
            of them.
        """
        before, self._before = self._before, None
        if before is None or not before:
            return range(0), np.zeros((len(WEIGHT_QUANTITIES), 0), np.float32)
        return range(self._step, step), self._measure(before, self._values()).numpy()

    def _values(self) -> list[list[tf.Tensor]]:
        return [
            [tf.convert_to_tensor(variable.value) for variable in variables]
            for variables in self._variables
        ]


def _measure(before: list[list[tf.Tensor]], after: list[list[tf.Tensor]]) -> tf.Tensor:
    pairs = zip(before, after, strict=True)
    columns = [quantities.weight_statistics(old, new) for old, new in pairs]
    return tf.stack(columns, axis=1)
