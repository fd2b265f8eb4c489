"""Measures how much a training call changes the weights of each layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.gradients import flat_parts
from deepxor.monitor.measure.tracing import Traced
from deepxor.quantities import WEIGHTS, names


class Updates:
    """Compares the weights before and after a training call.

    The comparison runs outside of the compiled step. If the step itself kept the
    weights, they would be copied at every step instead of updated in place. Held from
    outside, they are copied only at the steps that are compared: by TensorFlow or by
    XLA, when they are about to change.

    Args:
        layers: The variables of each layer.
    """

    def __init__(self, layers: Sequence[Sequence[keras.Variable]]) -> None:
        self._variables = [[variable.value for variable in row] for row in layers]
        self._ids = [id(variable) for row in layers for variable in row]
        self._read = tf.function(self._values, autograph=False)
        self._measure = Traced(self._compare)
        self._before: list[tf.Tensor] = []
        self._step = 0

    def start(self, step: int) -> None:
        """Keeps the weights as they are before a training call.

        Args:
            step: The number of the step to come.
        """
        self._step, self._before = step, list(self._read()) if self._ids else []

    def start_with(self, step: int, weights: Mapping[int, Any]) -> None:
        """Keeps given values as the weights before a step, during that step.

        Args:
            step: The number of the current step.
            weights: Maps the id of a variable to its value before the step. A variable
                without an entry counts with its present value.
        """
        self.start(step)
        pairs = zip(self._ids, self._before, strict=True)
        self._before = [weights.get(key, value) for key, value in pairs]

    def finish(self, step: int) -> tuple[range, np.ndarray]:
        """Compares the weights with those kept before, and releases the latter.

        Args:
            step: The number of the step to come.

        Returns:
            The steps in between, and the change over all of them: float32 [quantities,
            layers], the quantities whose source is `quantities.WEIGHTS`, in the order
            of the table. If no weights were kept, the range and the table are empty.
        """
        before, self._before = self._before, []
        if not before:
            return range(0), np.zeros((len(names(WEIGHTS)), 0), np.float32)
        return range(self._step, step), self._measure(before).numpy()

    def _values(self) -> list[tf.Tensor]:
        return [v.read_value() for layer in self._variables for v in layer]

    def _compare(self, *before: tf.Tensor) -> tf.Tensor:
        pairs = iter(zip(before, self._values(), strict=True))
        rows = []
        for variables in self._variables:
            old, new = zip(*(next(pairs) for _ in variables), strict=True)
            rows.append(weight_statistics(old, new))
        return tf.stack(rows, axis=1)


# The quantities of the weights. Each function computes one from the L2 norms of a
# layer's weights before a step and of the step's change.
COLUMNS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "weight_norm": lambda weight, update: weight,
    "update_ratio": lambda weight, update: tf.where(update == 0, 0.0, update / weight),
}


def weight_statistics(
    before: Sequence[tf.Tensor], after: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Returns the quantities of one layer's weights, in the order of the table.

    Args:
        before: The layer's weights before a step, one tensor for each variable.
        after: The weights after the step.

    Returns:
        float32 [quantities]. The update ratio is 0 if no weight has changed, and
        infinite if weights that were all 0 have changed.
    """
    old, new = flat_parts(before), flat_parts(after)
    weight = _plain_norm(old)
    update = _plain_norm([b - a for a, b in zip(old, new, strict=True)])
    return tf.stack([COLUMNS[name](weight, update) for name in names(WEIGHTS)])


def _plain_norm(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    # `l2_loss` returns half the sum of the squares, without a copy of the squares.
    return tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(part) for part in parts]))
