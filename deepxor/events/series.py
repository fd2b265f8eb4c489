"""The Gradient flow tab's series in one event file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tensorboard.compat.proto import summary_pb2

from deepxor.events import gradient_flow
from deepxor.events.downsample import DownsampledSeries


class FlowSeries:
    """Makes the values of the series in the order in which they are written.

    Args:
        existing: The names of the first series of the run, if earlier files have it.
            What is recorded under other names is a further series.
    """

    def __init__(self, existing: gradient_flow.Names | None = None) -> None:
        self._first = existing
        self._parts: dict[tuple[str, ...], _Part] = {}
        self._current: _Part | None = None

    def go_on(
        self, layers: Sequence[str], steps: np.ndarray, tables: np.ndarray
    ) -> None:
        """Takes up the series of a run that an earlier file began.

        Args:
            layers: As `record` takes them.
            steps: [records], of those that are in the run's files.
            tables: [records, quantities, layers].
        """
        self._current = self._part(layers)
        for step, table in zip(steps.tolist(), tables, strict=True):
            self._current.overview.add(step, table)

    def record(
        self, layers: Sequence[str], quantities: Mapping[str, np.ndarray], step: int
    ) -> list[summary_pb2.Summary.Value]:
        """Returns the values of a record.

        Args:
            layers: Names in forward order. Other ones than those of the record before
                end its series for now.
            quantities: Name -> [layers], any of `flow.QUANTITIES`.
            step: The step.
        """
        part = self._part(layers)
        values = [] if part is self._current else self._close(step)
        self._current = part
        return [
            *values,
            *part.record(gradient_flow.table(len(layers), quantities), step),
        ]

    def end(
        self, diagnosis: Mapping[str, object], step: int
    ) -> list[summary_pb2.Summary.Value]:
        """Returns the values at a run's end.

        Args:
            diagnosis: As `flow.diagnosis_value` takes it.
            step: The step.
        """
        return [*self._close(step), gradient_flow.diagnosis_value(diagnosis)]

    def _part(self, layers: Sequence[str]) -> _Part:
        key = tuple(layers)
        if key not in self._parts:
            names = (gradient_flow.QUANTITIES, key)
            if self._first is None:
                self._first = names
            suffix = "" if names == self._first else gradient_flow.suffix_of(names)
            self._parts[key] = _Part(key, suffix)
        return self._parts[key]

    def _close(self, step: int) -> list[summary_pb2.Summary.Value]:
        return [] if self._current is None else self._current.close(step)


class _Part:
    """One of the series: a set of layers."""

    def __init__(self, layers: tuple[str, ...], suffix: str) -> None:
        self.overview = DownsampledSeries()
        self._layers = layers
        self._suffix = suffix
        # The tags whose names the file has.
        self._named: set[str] = set()

    def record(self, table: np.ndarray, step: int) -> list[summary_pb2.Summary.Value]:
        value = gradient_flow.flow_value(
            table, self._unnamed(gradient_flow.TAG), self._suffix
        )
        return [value, *self._rows(self.overview.add(step, table))]

    def close(self, step: int) -> list[summary_pb2.Summary.Value]:
        return self._rows(self.overview.end(step))

    def _rows(self, rows: np.ndarray | None) -> list[summary_pb2.Summary.Value]:
        if rows is None:
            return []
        layers = self._unnamed(gradient_flow.OVERVIEW_TAG)
        return [gradient_flow.overview_value(rows, layers, self._suffix)]

    def _unnamed(self, tag: str) -> Sequence[str] | None:
        """Returns the layers if the series does not have them in this file yet."""
        if tag in self._named:
            return None
        self._named.add(tag)
        return self._layers
