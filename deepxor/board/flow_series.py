"""The Gradient flow tab's series in one event file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tensorboard.compat.proto import summary_pb2

from deepxor.board import flow
from deepxor.board.overview import Overview


class FlowSeries:
    """Makes the values of the series in the order in which they are written."""

    def __init__(self) -> None:
        self._overview = Overview()
        self._layers: Sequence[str] = ()
        # The series whose names the file has.
        self._named: set[str] = set()

    def go_on(
        self, layers: Sequence[str], steps: np.ndarray, tables: np.ndarray
    ) -> None:
        """Takes up the series of a run that an earlier file began.

        Args:
            layers: As `record` takes them.
            steps: [records], of those that are in the run's files.
            tables: [records, quantities, layers].
        """
        self._layers = layers
        for step, table in zip(steps.tolist(), tables, strict=True):
            self._overview.add(step, table)

    def record(
        self, layers: Sequence[str], quantities: Mapping[str, np.ndarray], step: int
    ) -> list[summary_pb2.Summary.Value]:
        """Returns the values of a record.

        Args:
            layers: Names in forward order, the same at every record.
            quantities: Name -> [layers], any of `flow.QUANTITIES`.
            step: The step.
        """
        self._layers = layers
        table = flow.table(len(layers), quantities)
        value = flow.flow_value(table, self._unnamed(flow.TAG))
        return [value, *self._rows(self._overview.add(step, table))]

    def end(
        self, diagnosis: Mapping[str, object], step: int
    ) -> list[summary_pb2.Summary.Value]:
        """Returns the values at a run's end.

        Args:
            diagnosis: As `flow.diagnosis_value` takes it.
            step: The step.
        """
        rows = self._rows(self._overview.end(step))
        return [*rows, flow.diagnosis_value(diagnosis)]

    def _rows(self, rows: np.ndarray | None) -> list[summary_pb2.Summary.Value]:
        if rows is None:
            return []
        return [flow.overview_value(rows, self._unnamed(flow.OVERVIEW_TAG))]

    def _unnamed(self, tag: str) -> Sequence[str] | None:
        """Returns the layers if the series does not have them in this file yet."""
        if tag in self._named:
            return None
        self._named.add(tag)
        return self._layers
