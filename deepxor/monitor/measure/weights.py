"""How much a training call changes the weights of each layer."""

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

    Outside of the compiled step: kept inside it for a comparison, the weights would be
    copied at every step instead of updated in place. Held from outside, they are copied
    at the steps compared only, by TensorFlow or by XLA as they are about to change.

    Args:
        layers: The variables of each.
    """

    def __init__(self, layers: Sequence[Sequence[keras.Variable]]) -> None:
        self._variables = [[variable.value for variable in row] for row in layers]
        self._ids = [id(variable) for row in layers for variable in row]
        self._read = tf.function(self._values, autograph=False)
        self._measure = Traced(self._compare)
        self._before: list[tf.Tensor] = []
        self._step = 0

    def start(self, step: int) -> None:
        """Takes hold of the weights before a call.

        Args:
            step: The number of the step to come.
        """
        self._step, self._before = step, list(self._read()) if self._ids else []

    def start_with(self, step: int, weights: Mapping[int, Any]) -> None:
        """Takes hold of weights that somebody has kept, or of those as they are.

        Args:
            step: The number of the step at hand.
            weights: A variable's id -> its value before the step.
        """
        self.start(step)
        pairs = zip(self._ids, self._before, strict=True)
        self._before = [weights.get(key, value) for key, value in pairs]

    def finish(self, step: int) -> tuple[range, np.ndarray]:
        """Compares the weights with those before, and lets go of them.

        Args:
            step: The number of the step to come.

        Returns:
            The steps in between, and float32 [quantities, layers] over all of them:
            those of `quantities.WEIGHTS`, in the order of the table.
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


# A row of the table [quantities, layers] for each quantity of the weights: what makes
# it from the L2 norms of a layer's weights before a step and of the step's change.
COLUMNS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "weight_norm": lambda weight, update: weight,
    "update_ratio": lambda weight, update: tf.where(update == 0, 0.0, update / weight),
}


def weight_statistics(
    before: Sequence[tf.Tensor], after: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Returns the quantities of one layer's weights, in the order of the table.

    Args:
        before: Its weights before a step, one tensor a variable.
        after: Those after it.

    Returns:
        float32 [quantities]. An update of nothing is 0 of the weights, one of weights
        that were all 0 infinite.
    """
    old, new = flat_parts(before), flat_parts(after)
    weight = _plain_norm(old)
    update = _plain_norm([b - a for a, b in zip(old, new, strict=True)])
    return tf.stack([COLUMNS[name](weight, update) for name in names(WEIGHTS)])


def _plain_norm(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    # Half the sums, with no copy of the squares.
    return tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(part) for part in parts]))
