"""The buffer on the device that holds records until they are read.

Several training calls may pass before the records are read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deepxor.monitor.measure.tracing import step_variable
from deepxor.quantities import GRADIENT, names
from deepxor.statistics import LOG10_EDGES

# The number of records that a buffer holds; further ones overwrite the oldest.
CAPACITY = 64

# The quantities of activations that are measured inside the step.
ACTIVITY = ("saturated_fraction", "activation_rms")


class Record(NamedTuple):
    """Holds what was kept of one step.

    Attributes:
        step: The number of the step.
        gradients: float32 [quantities, rows], the quantities whose source is
            `quantities.GRADIENT`; NaN for a row whose gradient no optimizer got.
        activity: float32 [quantities, rows], the quantities `ACTIVITY`; NaN for what
            was not measured.
        global_norm: The L2 norm over all gradients that were seen, including those of
            variables that belong to no row.
        loss: The loss of the batch; NaN if it was not seen.
        samples: The number of samples whose activations were looked at; 0 for none.
        counts: int [rows, bins], the histogram of log10 of the absolute gradient
            elements; None if they are not counted.
    """

    step: int
    gradients: np.ndarray
    activity: np.ndarray
    global_norm: float
    loss: float
    samples: int
    counts: np.ndarray | None


class DeviceBuffer:
    """Keeps the latest records in variables that are used as a ring buffer.

    Args:
        rows: The number of rows, one for each recorded layer.
        has_counts: Whether records have a histogram of the gradient elements.
    """

    def __init__(self, rows: int, has_counts: bool) -> None:
        self.has_counts = has_counts
        # The last row is for gradients of variables that belong to no row.
        self._height = rows + 1
        self._columns = len(names(GRADIENT))
        size = self._height * self._columns + len(ACTIVITY) * rows + 2
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
        activity: tf.Tensor,
        loss: tf.Tensor,
        samples: tf.Tensor,
        counts: tf.Tensor | None,
    ) -> None:
        """Writes a record, inside the step that is being traced or run eagerly.

        Args:
            count: int64 scalar, the number of records before this one.
            step: int64 scalar, the number of the step.
            table: float32 [rows + 1, quantities]; the last row is for gradients of
                variables that belong to no row.
            activity: float32 [quantities, rows], the quantities `ACTIVITY`.
            loss: Scalar, the loss of the batch.
            samples: float32 scalar, the number of samples whose activations were looked
                at.
            counts: int [rows, bins], the histogram of the gradient elements; None if
                the buffer has no counts.
        """
        ends = tf.stack([tf.reshape(loss, []), samples])
        parts = [tf.reshape(table, [-1]), tf.reshape(activity, [-1]), ends]
        values = tf.concat(parts, axis=0)
        index = [[count % CAPACITY]]
        _put(self._slots, index, values)
        _put(self._steps, index, step)
        if self._counts is not None:
            _put(self._counts, index, counts)

    def read(self, start: int, end: int) -> list[Record]:
        """Returns a range of records, without those that have been overwritten.

        Args:
            start: The index of the first record, counted from 0.
            end: The index behind the last record.
        """
        slots = [index % CAPACITY for index in range(max(start, end - CAPACITY), end)]
        if not slots:
            return []
        # Reading from the device is slow, so each variable is read once for all.
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
        # Without any gradient the extra row's norm is 0; that of unseen rows is NaN.
        is_seen = ~np.isnan(table[names(GRADIENT).index("non_finite")])
        total = np.sqrt(np.square(norms[is_seen]).sum()) if is_seen.any() else np.nan
        if not is_seen[:-1].any() and not norms[-1]:
            total = np.nan
        return Record(
            step,
            table[:, :-1],
            row[size:-2].reshape(len(ACTIVITY), -1),
            float(total),
            float(row[-2]),
            int(row[-1]),
            counts,
        )


def _put(variable: tf.Variable, index: Any, value: tf.Tensor) -> None:
    variable.assign(tf.tensor_scatter_nd_update(variable, index, value[None]))
