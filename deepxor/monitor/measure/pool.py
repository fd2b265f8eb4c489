"""Samples of several small batches taken together; NumPy only."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Looked(NamedTuple):
    """What was looked at in one step.

    Attributes:
        samples: How many.
        silent: bool [units], those that are zero for all of them; of all rows, one
            behind the other.
        pair: Targets and predictions, [samples, ...] each, or nothing.
    """

    samples: int
    silent: np.ndarray
    pair: Sequence[np.ndarray]


class Pool:
    """Takes the samples of the latest steps together, until there are enough.

    A unit is dead that is zero for all of them: of batches of one or two samples each
    it is no mean of fractions, as half of all units are zero for any one sample.

    Args:
        rows: int [units], the row of each unit.
        count: The number of rows.
        enough: Samples to take together; of more steps than that takes, the older ones
            are left out.

    Attributes:
        rows: As given.
    """

    def __init__(self, rows: np.ndarray, count: int, enough: int) -> None:
        self.rows = rows
        self._units = np.bincount(rows, minlength=count).astype(float)
        self._enough = enough
        self._steps: deque[Looked] = deque()

    def add(self, looked: Looked) -> None:
        """Takes in a step.

        Args:
            looked: Of the step.
        """
        shapes = [np.shape(x)[1:] for x in looked.pair]
        if self._steps and shapes != [np.shape(x)[1:] for x in self._steps[-1].pair]:
            self._steps.clear()
        self._steps.append(looked)
        while self.samples - self._steps[0].samples >= self._enough:
            self._steps.popleft()

    def keep_latest(self) -> None:
        """Forgets all steps but the latest."""
        while len(self._steps) > 1:
            self._steps.popleft()

    @property
    def samples(self) -> int:
        """How many there are."""
        return sum(step.samples for step in self._steps)

    def dead_fraction(self) -> np.ndarray:
        """Returns the share of each row's units that are zero for all samples.

        Returns:
            float32 [rows]; NaN where there are no units.
        """
        if not self._steps:
            return np.full(len(self._units), np.nan, np.float32)
        silent = np.logical_and.reduce([step.silent for step in self._steps])
        count = np.bincount(self.rows, silent, len(self._units))
        known = self._units > 0
        shares = np.divide(
            count, self._units, out=np.full(len(count), np.nan), where=known
        )
        return shares.astype(np.float32)

    def pair(self) -> list[np.ndarray]:
        """Returns targets and predictions of all samples, or nothing."""
        pairs = [step.pair for step in self._steps if step.pair]
        return [np.concatenate(parts) for parts in zip(*pairs, strict=True)]
