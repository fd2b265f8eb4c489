"""The history of the gradients of replicas; uses NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepxor import statistics
from deepxor.monitor.history import History
from deepxor.quantities import names
from deepxor.xor.monitor.diagnosis import WINDOW

# The bin number that `measure.gradients.log10_bins` gives norms that are NaN or
# infinite.
NOT_FINITE = len(statistics.LOG10_EDGES) - 1


class ReplicaHistory:
    """Keeps a `History` of medians over the replicas, and some norms of each replica.

    Its arrays are replaced and never changed, so an array taken from it stays as it is.

    Args:
        layers: The names of the layers in forward order.
        replicas: The number R of replicas.

    Attributes:
        records: The history, in which norms are medians over the replicas, and other
            quantities are over all replicas.
        first: float32 [layers, R], the norms at the first record; zeros before it.
        recent: float32 [up to `diagnosis.WINDOW`, layers, R], the norms at the latest
            records.
        counts: int64 [layers, bins], the number of norms since the last record in each
            bin of `statistics.LOG10_EDGES`.
    """

    def __init__(self, layers: Sequence[str], replicas: int) -> None:
        self.records = History(list(layers))
        self.first = np.zeros((len(layers), replicas), np.float32)
        self.recent = np.zeros((0, *self.first.shape), np.float32)
        self.counts = np.zeros((len(layers), NOT_FINITE), np.int64)

    def can_go_on(self, layers: Sequence[str], replicas: int, step: int) -> bool:
        """Whether the steps of a training to come can continue this history.

        Args:
            layers: The names of the network's layers in forward order.
            replicas: The number R of replicas of the network.
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
            step: The number of the step.
            gradients: float32 [weights, R], the gradients of the step.
            starts: int [layers], the row of `gradients` at which each layer starts.
            loss: The loss that `fit` logs.

        Returns:
            The 10th and the 90th percentile of the norms over the replicas, [layers]
            each.
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
        """Counts the norms of some steps for the histogram of the next record.

        Args:
            bins: uint8 [steps, layers, R], the bin numbers of the norms.
        """
        self.counts = self.counts + statistics.bin_counts(bins)

    def take_counts(self) -> np.ndarray:
        """Returns the counts, int64 [layers, bins], and resets them to zero."""
        counts, self.counts = self.counts, np.zeros_like(self.counts)
        return counts

    def look_for_bad(self, bins: np.ndarray, start: int) -> None:
        """Notes the first gradient that is not finite, if it is in the given steps.

        Args:
            bins: uint8 [steps, layers, R], the bin numbers of the norms of steps that
                come after those of earlier calls.
            start: The number of the first of these steps.
        """
        # Finding the maximum takes no time compared to the steps themselves.
        if self.records.first_bad is not None or bins.max() < NOT_FINITE:
            return
        is_bad = (bins == NOT_FINITE).any(axis=2)
        step = int(is_bad.any(axis=1).argmax())
        # Backpropagation runs from the last layer to the first, so the last layer with
        # such a gradient is where it starts.
        layer = self.records.layers[np.flatnonzero(is_bad[step])[-1]]
        self.records.note_bad((start + step, layer))

    def as_dict(self) -> dict[str, Any]:
        """Returns the mapping that `ReplicaMonitor.history` documents."""
        ends = {"first": self.first, "recent": self.recent}
        return {**self.records.as_dict(), **ends}

    def state(self) -> dict[str, np.ndarray]:
        """Returns the history without its notes as arrays, for `from_state`."""
        state = dict(self.records.state())
        state |= {"first": self.first, "recent": self.recent, "counts": self.counts}
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> ReplicaHistory:
        """Returns a history with the contents that `state` has returned.

        Args:
            state: The result of the `state` method of a history.
        """
        history = cls([], 0)
        history.records = History.from_state(dict(state))
        history.first, history.recent = state["first"], state["recent"]
        history.counts = state["counts"]
        return history


def _exact_norms(gradients: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Returns the L2 norms of the layers' gradients, float32 [layers, R].

    They are computed in float64: the norms that the observer computes in every step
    underflow below 1e-19. A deep sigmoid network has such gradients, and a vanishing
    gradient would look like a dead one.
    """
    squares = np.square(gradients.astype(np.float64))
    return np.sqrt(np.add.reduceat(squares, starts)).astype(np.float32)


def _table(gradients: np.ndarray, starts: np.ndarray, norm: np.ndarray) -> np.ndarray:
    """Returns the table of a record, float32 [quantities, layers].

    Args:
        gradients: float32 [weights, R].
        starts: int [layers], the row of `gradients` at which each layer starts.
        norm: [layers], the norms to put into the table.
    """
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
