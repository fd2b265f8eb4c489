"""Some samples of tensors of the training step, kept for a look from outside."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import tensorflow as tf

# Of so many numbers a tensor's samples are kept, and of no tensor of which a single
# sample has more.
MOST_NUMBERS = 2**15


class Samples:
    """Keeps the first samples of a batch's tensors, in variables.

    Args:
        most: Samples of a batch, at most; fewer of large ones.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # All that a traced step assigns to, and which the latest trace does.
        self._variables: dict[tuple[Hashable, ...], list[tf.Variable]] = {}
        self._kept: dict[Hashable, list[tf.Variable]] = {}

    def keep(self, key: Hashable, tensors: Sequence[tf.Tensor]) -> None:
        """Adds to the step being traced what keeps samples of it.

        Args:
            key: By which `tensors` finds them.
            tensors: Of the same samples, [batch, ...] each. If there are none, or if
                their shapes are not known but for the batch, nothing is kept.
        """
        count = self._count(tensors)
        if not count:
            self._kept.pop(key, None)
            return
        # A batch may have fewer samples: then its last one counts several times.
        last = tf.shape(tensors[0])[0] - 1
        taken = [tf.gather(x, tf.minimum(tf.range(count), last)) for x in tensors]
        self._kept[key] = kept = self._variables_for(key, taken)
        for variable, x in zip(kept, taken, strict=True):
            variable.assign(x)

    def tensors(self, key: Hashable) -> list[tf.Tensor]:
        """Returns what was kept in the latest step: none, or [samples, ...] each."""
        return [variable.read_value() for variable in self._kept.get(key, ())]

    def _variables_for(
        self, key: Hashable, tensors: Sequence[tf.Tensor]
    ) -> list[tf.Variable]:
        """Returns variables of the key's own for tensors of these shapes."""
        shapes = [(tuple(x.shape), x.dtype) for x in tensors]
        full_key = (key, *shapes)
        if full_key not in self._variables:
            with tf.init_scope():
                self._variables[full_key] = [
                    step_variable(tf.zeros(shape, dtype), dtype)
                    for shape, dtype in shapes
                ]
        return self._variables[full_key]

    def _count(self, tensors: Sequence[tf.Tensor]) -> int:
        if any(x.shape.rank is None or None in x.shape[1:] for x in tensors):
            return 0
        numbers = max((math.prod(x.shape[1:]) for x in tensors), default=0)
        return min(self._most, MOST_NUMBERS // numbers) if numbers else 0


def step_variable(value: Any, dtype: tf.DType) -> tf.Variable:
    """Returns a variable that a training step may assign to.

    Under a distribution strategy each replica may write its own; the first counts.

    Args:
        value: At the start.
        dtype: Its type.
    """
    return tf.Variable(
        value,
        dtype=dtype,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
