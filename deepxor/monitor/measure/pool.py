"""Pools the samples of several small batches; uses NumPy only."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Looked(NamedTuple):
    """Holds what was looked at in one step.

    Attributes:
        samples: The number of samples.
        silent: bool [units], whether a unit is zero for all samples. The units of all
            rows follow each other.
        pair: Targets and predictions, [samples, ...] each; empty if they are not known.
    """

    samples: int
    silent: np.ndarray
    pair: Sequence[np.ndarray]


class Pool:
    """Pools the samples of the latest steps, until there are enough.

    A unit is dead if it is zero for all pooled samples. The mean of the fractions of
    single batches would not do: in batches of one or two samples, half of all units are
    zero for any one sample.

    Args:
        rows: int [units], the index of each unit's row.
        count: The number of rows.
        enough: The number of samples that is enough; older steps that are not needed to
            reach it are left out.

    Attributes:
        rows: int [units], the index of each unit's row.
    """

    def __init__(self, rows: np.ndarray, count: int, enough: int) -> None:
        self.rows = rows
        self._units = np.bincount(rows, minlength=count).astype(float)
        self._enough = enough
        self._steps: deque[Looked] = deque()

    def add(self, looked: Looked) -> None:
        """Adds the samples of a step.

        If its targets or predictions have other shapes, earlier steps are dropped.

        Args:
            looked: What was looked at in the step.
        """
        shapes = [np.shape(x)[1:] for x in looked.pair]
        if self._steps and shapes != [np.shape(x)[1:] for x in self._steps[-1].pair]:
            self._steps.clear()
        self._steps.append(looked)
        while self.samples - self._steps[0].samples >= self._enough:
            self._steps.popleft()

    def keep_latest(self) -> None:
        """Drops all steps but the latest."""
        while len(self._steps) > 1:
            self._steps.popleft()

    @property
    def samples(self) -> int:
        """Returns the number of pooled samples."""
        return sum(step.samples for step in self._steps)

    def dead_fraction(self) -> np.ndarray:
        """Returns the share of each row's units that are zero for all samples.

        Returns:
            float32 [rows]; NaN for a row without units, and without any samples.
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
        """Returns targets and predictions of all pooled samples.

        Returns:
            Two arrays, [samples, ...] each, or an empty list if there are none.
        """
        pairs = [step.pair for step in self._steps if step.pair]
        return [np.concatenate(parts) for parts in zip(*pairs, strict=True)]
