"""A run's records thinned out while it is written, for the Gradient flow tab.

TensorBoard keeps a random hundred values of a series, and to have it keep ten thousand
takes gigabytes for a hundred runs. So the writer also writes, many to a tensor, the
records that the tab will show: few enough tensors for all of them to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepxor.events import gradient_flow

# Records in a tensor.
COLUMNS = 16

# A tensor stands for one part in so many of the records before it: there are 61 tensors
# after 10,000 records and 90 after 100,000. The steps that are shown lie close together
# at the start, where a logarithmic axis shows them.
_SHARE = 12


@dataclass(frozen=True)
class _Column:
    step: int
    table: np.ndarray
    non_finite: int


class DownsampledSeries:
    """Chooses of a run's records, as they come, those to show.

    Of the records that share a column it is the first, or the one with most layers that
    are not finite, as a single NaN is what somebody looks for.
    """

    def __init__(self) -> None:
        self._latest: np.ndarray | None = None
        self._before = 0
        self._begin()

    def add(self, step: int, table: np.ndarray) -> np.ndarray | None:
        """Takes a record.

        Args:
            step: Above that of the record before.
            table: float32 [quantities, layers], as in `flow.QUANTITIES`.

        Returns:
            The rows of a tensor to write at this step, as `flow.overview_value` takes
            them, or None while they are too few.
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
        """Closes a tensor early, at the end of training.

        Args:
            step: That of the event it is written with.

        Returns:
            As `add`.
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
