"""Keeps some samples of the training step's tensors for use outside of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.reading import samples_at
from deepxor.monitor.measure.tracing import step_variable

# The most numbers to keep of a tensor. Large samples are kept fewer, and none if a
# single sample has more numbers than this.
MAX_NUMBERS = 2**15


class Samples:
    """Keeps the first samples of a batch's tensors, in variables if the step is traced.

    It has to be made while a step is traced or run eagerly, for that step only.

    Args:
        most: The most samples to keep; fewer are kept if they are large.
        tensors: Tensors of the same samples, [batch, ...] each. Nothing is kept if
            there are none, or if any size but that of the batch is unknown.
        is_compiled: Whether XLA compiles the step.
    """

    def __init__(
        self, most: int, tensors: Sequence[tf.Tensor], is_compiled: bool = False
    ) -> None:
        self._is_compiled = is_compiled
        self._count = _count(most, tensors)
        self._kept: list[tf.Variable | tf.Tensor] = []
        self._tensors = list(tensors) if self._count else []

    def make_variables(self) -> None:
        """Makes the variables in which a traced step keeps the samples."""
        self._kept = [
            step_variable(np.zeros([self._count, *x.shape[1:]]), x.dtype)
            for x in self._tensors
        ]

    def keep(self) -> None:
        """Keeps the samples, inside the step that is being traced or run eagerly."""
        tensors, self._tensors = self._tensors, []
        if not tensors:
            return
        # A batch may have fewer samples. Then its last sample is kept several times.
        last = tf.shape(tensors[0])[0] - 1
        rows = tf.minimum(tf.range(self._count), last)
        taken = [samples_at(tensor, rows, self._is_compiled) for tensor in tensors]
        if self._kept:
            for variable, values in zip(self._kept, taken, strict=True):
                variable.assign(values)
        else:
            self._kept = taken

    def tensors(self) -> list[tf.Tensor]:
        """Returns the kept samples.

        Returns:
            A tensor [samples, ...] for each tensor, or an empty list if none are kept.
        """
        return [tf.convert_to_tensor(kept) for kept in self._kept]

    def arrays(self, count: int) -> list[np.ndarray]:
        """Returns the kept samples of a batch, without repeated ones.

        Args:
            count: The number of samples of the batch that are looked at.

        Returns:
            An array [up to `count`, ...] for each tensor, or an empty list.
        """
        return [kept.numpy()[:count] for kept in self._kept]


def _count(most: int, tensors: Sequence[tf.Tensor]) -> int:
    if any(x.shape.rank is None or None in x.shape[1:] for x in tensors):
        return 0
    numbers = max((math.prod(x.shape[1:]) for x in tensors), default=0)
    return min(most, MAX_NUMBERS // numbers) if numbers else 0
