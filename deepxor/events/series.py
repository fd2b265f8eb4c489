"""Makes the values of the Gradient flow tab's series for one event file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tensorboard.compat.proto import summary_pb2

from deepxor.events import gradient_flow
from deepxor.events.downsample import DownsampledSeries


class FlowSeries:
    """Makes the values of the series in the order in which they are written.

    Args:
        existing: The names of the run's first series, if earlier files have one.
            Records with other names are further series.
    """

    def __init__(self, existing: gradient_flow.Names | None = None) -> None:
        self._first = existing
        self._parts: dict[tuple[str, ...], _Part] = {}
        self._current: _Part | None = None

    def go_on(
        self, layers: Sequence[str], steps: np.ndarray, tables: np.ndarray
    ) -> None:
        """Goes on with a series of the run that an earlier file has begun.

        Args:
            layers: The names of the layers in forward order.
            steps: The steps of the records in the run's files, [records].
            tables: The records in the run's files, [records, quantities, layers].
        """
        self._current = self._part(layers)
        for step, table in zip(steps.tolist(), tables, strict=True):
            self._current.overview.add(step, table)

    def record(
        self, layers: Sequence[str], quantities: Mapping[str, np.ndarray], step: int
    ) -> list[summary_pb2.Summary.Value]:
        """Returns the values of a record.

        Args:
            layers: The names of the layers in forward order. If they are others than
                those of the record before, its series ends for now.
            quantities: The values of any of `gradient_flow.QUANTITIES` by name,
                [layers] each.
            step: The number of the step.
        """
        part = self._part(layers)
        values = [] if part is self._current else self._close(step)
        self._current = part
        return [
            *values,
            *part.record(gradient_flow.table(len(layers), quantities), step),
        ]

    def diagnosis(
        self, diagnosis: Mapping[str, object], step: int
    ) -> list[summary_pb2.Summary.Value]:
        """Returns the values of a diagnosis, which end the series at a run's end.

        Args:
            diagnosis: The diagnosis, as `diagnosis_value` of events.gradient_flow takes
                it. If its "is_running" is true, the training goes on.
            step: The number of the last step.
        """
        rest = [] if diagnosis.get("is_running") else self._close(step)
        return [*rest, gradient_flow.diagnosis_value(diagnosis)]

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
    """Makes the values of one series, which has one set of layers."""

    def __init__(self, layers: tuple[str, ...], suffix: str) -> None:
        self.overview = DownsampledSeries()
        self._layers = layers
        self._suffix = suffix
        # The tags whose names have been written to the file.
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
        """Returns the layers if the file does not have them for this tag yet."""
        if tag in self._named:
            return None
        self._named.add(tag)
        return self._layers
