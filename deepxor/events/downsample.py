"""Chooses, while a run is written, the records that the Gradient flow tab shows.

TensorBoard keeps a random hundred values of a series; keeping ten thousand would take
gigabytes for a hundred runs. So the writer also writes the records that the tab will
show, many to a tensor. These tensors are so few that TensorBoard keeps all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepxor.events import gradient_flow

# The number of records in a tensor.
COLUMNS = 16

# A tensor stands for as many records as this share, one twelfth, of those before it:
# there are 61 tensors after 10,000 records and 90 after 100,000. The steps that are
# shown lie close together at the start, where a logarithmic axis spreads them.
_SHARE = 12


@dataclass(frozen=True)
class _Column:
    step: int
    table: np.ndarray
    non_finite: int


class DownsampledSeries:
    """Chooses the records to show from a run's records, as they come.

    Of the records that share a column it chooses the first, or the one with the most
    layers that are not finite, so that not even a single NaN goes unseen.
    """

    def __init__(self) -> None:
        self._latest: np.ndarray | None = None
        self._before = 0
        self._begin()

    def add(self, step: int, table: np.ndarray) -> np.ndarray | None:
        """Takes a record.

        Args:
            step: The number of the step, above that of the record before.
            table: The record, float32 [quantities, layers], with the quantities of
                `gradient_flow.QUANTITIES`.

        Returns:
            The rows of a tensor to write at this step, as `overview_value` of
            events.gradient_flow takes them, or None while they are too few.
        """
        before = self._latest
        self._latest = table if before is None else gradient_flow.filled(table, before)
        column = _Column(
            step, self._latest, int(gradient_flow.non_finite_layers(table))
        )
        if self._count * COLUMNS // self._length >= len(self._columns):
            self._columns.append(column)
        elif column.non_finite > self._columns[-1].non_finite:
            self._columns[-1] = column
        self._count += 1
        return self.end(step) if self._count == self._length else None

    def end(self, step: int) -> np.ndarray | None:
        """Ends a tensor early, as at the end of a training.

        Args:
            step: The step of the event with which the tensor is written.

        Returns:
            The rows of the tensor, or None if there are none.
        """
        if not self._columns:
            return None
        rows = [
            np.append(np.float32(step - column.step), column.table)
            for column in self._columns
        ]
        self._before += self._count
        self._begin()
        return np.array(rows, np.float32)

    def _begin(self) -> None:
        self._columns: list[_Column] = []
        self._count = 0
        self._length = max(COLUMNS, self._before // _SHARE)
