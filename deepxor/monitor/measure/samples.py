"""Some samples of tensors of the training step, kept for a look from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.tracing import step_variable

# Of so many numbers a tensor's samples are kept, and of no tensor of which a single
# sample has more.
MAX_NUMBERS = 2**15


class Samples:
    """Keeps the first samples of a batch's tensors, in variables.

    To be made while a step is traced, for that step.

    Args:
        most: Samples of a batch, at most; fewer of large ones.
        tensors: Of the same samples, [batch, ...] each. If there are none, or if their
            shapes are not known but for the batch, nothing is kept.
    """

    def __init__(self, most: int, tensors: Sequence[tf.Tensor]) -> None:
        self._count = _count(most, tensors)
        self._kept: list[tf.Variable | tf.Tensor] = []
        self._tensors = list(tensors) if self._count else []

    def make_variables(self) -> None:
        """Makes what a step that is traced keeps the samples in."""
        self._kept = [
            step_variable(np.zeros([self._count, *x.shape[1:]]), x.dtype)
            for x in self._tensors
        ]

    def keep(self) -> None:
        """Adds to the step being traced, or run eagerly, what keeps the samples."""
        tensors, self._tensors = self._tensors, []
        if not tensors:
            return
        # A batch may have fewer samples: then its last one counts several times.
        last = tf.shape(tensors[0])[0] - 1
        rows = tf.minimum(tf.range(self._count), last)
        taken = [tf.gather(tensor, rows) for tensor in tensors]
        if self._kept:
            for variable, values in zip(self._kept, taken, strict=True):
                variable.assign(values)
        else:
            self._kept = taken

    def tensors(self) -> list[tf.Tensor]:
        """Returns what was kept: none, or [samples, ...] each."""
        return [tf.convert_to_tensor(kept) for kept in self._kept]

    def arrays(self, count: int) -> list[np.ndarray]:
        """Returns what was kept of a batch.

        Args:
            count: Samples of the batch.
        """
        return [kept.numpy()[:count] for kept in self._kept]


def _count(most: int, tensors: Sequence[tf.Tensor]) -> int:
    if any(x.shape.rank is None or None in x.shape[1:] for x in tensors):
        return 0
    numbers = max((math.prod(x.shape[1:]) for x in tensors), default=0)
    return min(most, MAX_NUMBERS // numbers) if numbers else 0
