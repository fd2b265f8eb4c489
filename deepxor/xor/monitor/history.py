"""What is kept of the gradients of networks side by side; NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepxor import statistics
from deepxor.monitor.history import History
from deepxor.quantities import names
from deepxor.xor.monitor.diagnosis import WINDOW

# The number that `measure.gradients.log10_bins` gives norms that are NaN or infinite.
NOT_FINITE = len(statistics.LOG10_EDGES) - 1


class ReplicaHistory:
    """A `History` of medians over the replicas and, beside it, what replicas had.

    No array of it is ever changed: what was taken from it stays as it was.

    Args:
        layers: Names in forward order.
        replicas: R.

    Attributes:
        records: Norms are medians over the replicas, fractions and counts over all.
        first: float32 [layers, R], the norms at the first record; zeros before it.
        recent: float32 [up to `verdict.WINDOW`, layers, R], those at the latest ones.
        counts: int64 [layers, bins], of norms since the last record, in the bins of
            `statistics.LOG10_EDGES`.
    """

    def __init__(self, layers: Sequence[str], replicas: int) -> None:
        self.records = History(list(layers))
        self.first = np.zeros((len(layers), replicas), np.float32)
        self.recent = np.zeros((0, *self.first.shape), np.float32)
        self.counts = np.zeros((len(layers), NOT_FINITE), np.int64)

    def can_go_on(self, layers: Sequence[str], replicas: int, step: int) -> bool:
        """Returns whether a training's further steps belong to it.

        Args:
            layers: The network's.
            replicas: R.
            step: The number of the step to come.
        """
        steps = self.records.steps
        is_alike = self.records.layers == list(layers)
        is_alike = is_alike and self.first.shape[1] == replicas
        return is_alike and (not steps or steps[-1] < step)

    def add(
        self, step: int, gradients: np.ndarray, starts: np.ndarray, loss: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Adds a record.

        Args:
            step: The step.
            gradients: float32 [weights, R].
            starts: [layers], where the weights of each layer start.
            loss: As `fit` logs it.

        Returns:
            10th and 90th percentile of the norms over the replicas, [layers] each.
        """
        norms = _exact_norms(gradients, starts)
        if not len(self.records):
            self.first = norms
        self.recent = np.concatenate([self.recent[1 - WINDOW :], norms[None]])
        p10, median, p90 = statistics.finite_percentiles(norms, 10, 50, 90)
        table = _table(gradients, starts, median)
        total = np.sqrt(np.square(norms.astype(np.float64)).sum(axis=0))
        self.records.add(step, table, float(np.median(total)), loss)
        return p10, p90

    def count(self, bins: np.ndarray) -> None:
        """Counts the norms of some steps, for the next record's histogram.

        Args:
            bins: uint8 [steps, layers, R].
        """
        self.counts = self.counts + statistics.bin_counts(bins)

    def take_counts(self) -> np.ndarray:
        """Returns the counts, and starts again from zero."""
        counts, self.counts = self.counts, np.zeros_like(self.counts)
        return counts

    def look_for_bad(self, bins: np.ndarray, start: int) -> None:
        """Notes the first gradient that is not finite, if it is among some steps'.

        Args:
            bins: uint8 [steps, layers, R] of steps after those looked at before.
            start: The number of the first of them.
        """
        # To find the maximum takes no time beside the steps'.
        if self.records.first_bad is not None or bins.max() < NOT_FINITE:
            return
        is_bad = (bins == NOT_FINITE).any(axis=2)
        step = int(is_bad.any(axis=1).argmax())
        # Backpropagation runs from the last layer to the first: there it starts.
        layer = self.records.layers[np.flatnonzero(is_bad[step])[-1]]
        self.records.note_bad((start + step, layer))

    def as_dict(self) -> dict[str, Any]:
        """Returns what `ReplicaMonitor.history` is."""
        ends = {"first": self.first, "recent": self.recent}
        return {**self.records.as_dict(), **ends}

    def state(self) -> dict[str, np.ndarray]:
        """Returns all of it as arrays, for `from_state`."""
        state = dict(self.records.state())
        state |= {"first": self.first, "recent": self.recent, "counts": self.counts}
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> ReplicaHistory:
        """Returns a history as another's `state` says that it was.

        Args:
            state: The arrays.
        """
        history = cls([], 0)
        history.records = History.from_state(dict(state))
        history.first, history.recent = state["first"], state["recent"]
        history.counts = state["counts"]
        return history


def _exact_norms(gradients: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Returns float32 [layers, R]; the norms of the steps underflow below 1e-19.

    A deep sigmoid network has such gradients, and vanishing would look like dead.
    """
    squares = np.square(gradients.astype(np.float64))
    return np.sqrt(np.add.reduceat(squares, starts)).astype(np.float32)


def _table(gradients: np.ndarray, starts: np.ndarray, norm: np.ndarray) -> np.ndarray:
    """Returns [quantities, layers], as a history's records are."""
    sizes = np.diff([*starts, len(gradients)])

    def mean(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values.mean(axis=1), starts) / sizes

    absolute = np.abs(gradients)
    finite = np.isfinite(gradients)
    values = dict.fromkeys(names(), np.full(len(sizes), np.nan))
    values["norm"] = norm
    values["mean_abs"] = mean(absolute)
    values["max_abs"] = np.maximum.reduceat(absolute.max(axis=1), starts)
    values["zero_fraction"] = mean(gradients == 0)
    values["non_finite"] = np.add.reduceat((~finite).sum(axis=1), starts)
    return np.array([values[name] for name in names()], np.float32)
