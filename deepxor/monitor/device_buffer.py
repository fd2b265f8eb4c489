"""Records as they wait on the device, where several calls may go by unread."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.tracing import step_variable
from deepxor.quantities import GRADIENT, names
from deepxor.statistics import LOG10_EDGES

# Records that it holds; after so many the oldest are overwritten.
CAPACITY = 64


class Record(NamedTuple):
    """What was kept of one step.

    Attributes:
        step: Its number.
        gradients: float32 [quantities, rows], those of `quantities.GRADIENT`; NaN for a
            row whose gradient no optimizer got.
        saturated: float32 [rows].
        global_norm: L2 norm over all gradients that were seen, those of no row, too.
        loss: Of the batch; NaN where it was not seen.
        samples: Those whose activations were looked at; 0 for none.
        counts: int [rows, bins] of log10 of the gradients' elements, or None.
    """

    step: int
    gradients: np.ndarray
    saturated: np.ndarray
    global_norm: float
    loss: float
    samples: int
    counts: np.ndarray | None


class DeviceBuffer:
    """A ring of variables with the latest records.

    Args:
        rows: Rows of a record's table.
        has_counts: Whether the gradients' elements are counted, too.
    """

    def __init__(self, rows: int, has_counts: bool) -> None:
        self.has_counts = has_counts
        # One row more for the gradients of no row.
        self._height = rows + 1
        self._columns = len(names(GRADIENT))
        size = self._height * self._columns + rows + 2
        self._slots = step_variable(np.zeros((CAPACITY, size)), tf.float32)
        self._steps = step_variable(np.zeros(CAPACITY), tf.int64)
        self._counts: tf.Variable | None = None
        if has_counts:
            shape = (CAPACITY, rows, len(LOG10_EDGES) - 1)
            self._counts = step_variable(np.zeros(shape), tf.int32)

    def write(
        self,
        count: tf.Tensor,
        step: tf.Tensor,
        table: tf.Tensor,
        saturated: tf.Tensor,
        loss: tf.Tensor,
        samples: tf.Tensor,
        counts: tf.Tensor | None,
    ) -> None:
        """Adds to the step being traced, or run eagerly, what writes a record.

        Args:
            count: Records before it, an int64 scalar.
            step: Its number, likewise.
            table: float32 [rows + 1, quantities], the last row of no row's gradients.
            saturated: float32 [rows].
            loss: A scalar.
            samples: Those whose activations were looked at, a float32 scalar.
            counts: int [rows, bins]; None without.
        """
        ends = tf.stack([tf.reshape(loss, []), samples])
        values = tf.concat([tf.reshape(table, [-1]), saturated, ends], axis=0)
        index = [[count % CAPACITY]]
        _put(self._slots, index, values)
        _put(self._steps, index, step)
        if self._counts is not None:
            _put(self._counts, index, counts)

    def read(self, start: int, end: int) -> list[Record]:
        """Returns records, as many of them as it still holds.

        Args:
            start: The number of the first, counted from 0.
            end: One more than that of the last.
        """
        slots = [index % CAPACITY for index in range(max(start, end - CAPACITY), end)]
        if not slots:
            return []
        # Reading from the device takes its time.
        rows, steps = self._slots.numpy()[slots], self._steps.numpy()[slots]
        counts = None if self._counts is None else self._counts.numpy()[slots]
        return [
            self._unpack(int(step), row, None if counts is None else counts[i])
            for i, (step, row) in enumerate(zip(steps, rows, strict=True))
        ]

    def _unpack(self, step: int, row: np.ndarray, counts: np.ndarray | None) -> Record:
        size = self._height * self._columns
        table = row[:size].reshape(self._height, self._columns).T
        norms = table[names(GRADIENT).index("norm")].astype(np.float64)
        # Of no gradient at all, the extra row's is 0; of rows not seen, it is NaN.
        is_seen = ~np.isnan(table[names(GRADIENT).index("non_finite")])
        total = np.sqrt(np.square(norms[is_seen]).sum()) if is_seen.any() else np.nan
        if not is_seen[:-1].any() and not norms[-1]:
            total = np.nan
        return Record(
            step,
            table[:, :-1],
            row[size:-2],
            float(total),
            float(row[-2]),
            int(row[-1]),
            counts,
        )


def _put(variable: tf.Variable, index: Any, value: tf.Tensor) -> None:
    variable.assign(tf.tensor_scatter_nd_update(variable, index, value[None]))
