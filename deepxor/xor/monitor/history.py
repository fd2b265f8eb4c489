"""The records of the gradients of replicas; NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepxor import statistics
from deepxor.events.gradient_flow import NON_FINITE_REPLICAS, REPLICAS, ZERO_REPLICAS
from deepxor.monitor.history import History
from deepxor.quantities import names
from deepxor.verdicts import HEALTHY, UNDECIDED
from deepxor.xor.monitor.diagnosis import WINDOW

# The number of the bin that `log10_bins` of monitor.measure.gradients gives to norms
# that are NaN or infinite.
NOT_FINITE = len(statistics.LOG10_EDGES) - 1


class ReplicaHistory:
    """Holds a `History` of medians over the replicas, and norms of every replica.

    Its arrays are replaced and never changed, so that one that was taken stays as it
    was.

    Args:
        layers: The names of the layers in forward order.
        replicas: R, the number of networks.

    Attributes:
        records: The history, whose norms are medians over the replicas, and whose
            fractions and counts are over all replicas.
        first: The norms at the first record, float32 [layers, R]; zeros before it.
        recent: The norms at the latest records that diagnoses look at, float32 [up to
            `WINDOW`, layers, R].
        recent_steps: The steps of these records, int64 [up to `WINDOW`].
        fault: The verdict that `note_verdict` was told last, and the step at which it
            was new; None if it was no fault.
        counts: The counts of the norms since the last record in the bins of
            `statistics.LOG10_EDGES`, int64 [layers, bins].
    """

    def __init__(self, layers: Sequence[str], replicas: int) -> None:
        self.records = History(list(layers))
        self.first = np.zeros((len(layers), replicas), np.float32)
        self.recent = np.zeros((0, *self.first.shape), np.float32)
        self.recent_steps = np.zeros(0, np.int64)
        self.fault: tuple[str, int] | None = None
        self.counts = np.zeros((len(layers), NOT_FINITE), np.int64)
        # The norms of the latest record, if diagnoses do not look at it.
        self._left_out: np.ndarray | None = None

    def can_go_on(self, layers: Sequence[str], replicas: int, step: int) -> bool:
        """Returns whether the next steps of a training can be added to the history.

        Args:
            layers: The names of the network's layers in forward order.
            replicas: R, the number of networks.
            step: The number of the next step.
        """
        steps = self.records.steps
        is_alike = self.records.layers == list(layers)
        is_alike = is_alike and self.first.shape[1] == replicas
        return is_alike and (not steps or steps[-1] < step)

    def add(
        self,
        step: int,
        gradients: np.ndarray,
        starts: np.ndarray,
        loss: float,
        medians: Mapping[str, np.ndarray],
        is_regular: bool,
    ) -> dict[str, np.ndarray]:
        """Adds a record.

        Args:
            step: The number of the step.
            gradients: The gradients of all weights, float32 [weights, R].
            starts: The row in `gradients` at which each layer starts, int [layers].
            loss: The loss that `fit` logs.
            medians: Other quantities by name, medians over the replicas, [layers] each.
            is_regular: Whether diagnoses look at the record.

        Returns:
            What the replicas have beside the medians, rows of
            `gradient_flow.QUANTITIES` by name, [layers] each.
        """
        norms = _exact_norms(gradients, starts)
        if not len(self.records):
            self.first = norms
        self._left_out = None if is_regular else norms
        if is_regular:
            self._look_at(step, norms)
        p10, median, p90 = statistics.finite_percentiles(norms, 10, 50, 90)
        table = _table(gradients, starts, {**medians, "norm": median})
        total = np.sqrt(np.square(norms.astype(np.float64)).sum(axis=0))
        self.records.add(
            step, table, float(np.median(total)), loss, is_regular=is_regular
        )
        return {
            "norm_log10_p10": statistics.log10_norm(p10),
            "norm_log10_p90": statistics.log10_norm(p90),
            REPLICAS: np.full(len(norms), norms.shape[1], np.float32),
            ZERO_REPLICAS: (norms == 0).mean(axis=1),
            NON_FINITE_REPLICAS: (~np.isfinite(norms)).mean(axis=1),
        }

    def end(self) -> None:
        """Lets diagnoses look at the latest record, as it is the last."""
        if self._left_out is not None:
            self._look_at(self.records.steps[-1], self._left_out)
            self._left_out = None

    def _look_at(self, step: int, norms: np.ndarray) -> None:
        self.recent = np.concatenate([self.recent[1 - WINDOW :], norms[None]])
        self.recent_steps = np.append(self.recent_steps[1 - WINDOW :], step)

    def count(self, bins: np.ndarray) -> None:
        """Counts the norms of some steps for the next record's histogram.

        Args:
            bins: The number of the bin of each norm, uint8 [steps, layers, R].
        """
        self.counts = self.counts + statistics.bin_counts(bins)

    def take_counts(self) -> np.ndarray:
        """Returns the counts and sets them to zero."""
        counts, self.counts = self.counts, np.zeros_like(self.counts)
        return counts

    def look_for_bad(self, bins: np.ndarray, start: int) -> None:
        """Notes the first gradient that is not finite, if these steps have one.

        Args:
            bins: The number of the bin of each norm, uint8 [steps, layers, R], of steps
                that follow those of earlier calls.
            start: The number of the first of the steps.
        """
        # Finding the maximum takes next to no time compared with the steps.
        if self.records.first_bad is not None or bins.max() < NOT_FINITE:
            return
        is_bad = (bins == NOT_FINITE).any(axis=2)
        step = int(is_bad.any(axis=1).argmax())
        # Backpropagation runs from the last layer to the first, so the fault starts at
        # the last layer that has it.
        layer = self.records.layers[np.flatnonzero(is_bad[step])[-1]]
        self.records.note_bad((start + step, layer))

    def note_verdict(self, verdict: str) -> int | None:
        """Notes the verdict on the training up to the latest record.

        Args:
            verdict: The verdict.

        Returns:
            The step of the record at which the fault was new; None if it is no fault.
        """
        if verdict in (HEALTHY, UNDECIDED):
            self.fault = None
        elif self.fault is None or self.fault[0] != verdict:
            self.fault = verdict, self.records.steps[-1]
        return self.fault and self.fault[1]

    def as_dict(self) -> dict[str, Any]:
        """Returns the mapping that is `ReplicaMonitor.history`."""
        return {**self.records.as_dict(), **self._ends()}

    def _ends(self) -> dict[str, np.ndarray]:
        return {
            "first": self.first,
            "recent": self.recent,
            "recent_step": self.recent_steps,
        }

    def state(self) -> dict[str, np.ndarray]:
        """Returns the whole history as arrays by name, which `from_state` takes.

        Two histories of the same layers and replicas differ in the lengths of the first
        axes only, of arrays that have a row a record, and in the lengths of texts.
        """
        state = dict(self.records.state())
        fault, step = self.fault or ("", -1)
        state["fault"] = np.array([fault, str(step)])
        return {**state, **self._ends(), "counts": self.counts}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> ReplicaHistory:
        """Returns the history whose `state` returned the arrays.

        Args:
            state: The arrays by name.
        """
        history = cls([], 0)
        history.records = History.from_state(dict(state))
        history.first, history.recent = state["first"], state["recent"]
        history.recent_steps = state["recent_step"]
        history.counts = state["counts"]
        fault, step = state["fault"]
        history.fault = (str(fault), int(step)) if fault else None
        return history


def _exact_norms(gradients: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Returns the norms of the layers, float32 [layers, R], computed in float64.

    The norms that the observer computes in float32 underflow below 1e-19. A deep
    sigmoid network has such gradients, and a vanished one would look like a dead one.
    """
    squares = np.square(gradients.astype(np.float64))
    return np.sqrt(np.add.reduceat(squares, starts)).astype(np.float32)


def _table(
    gradients: np.ndarray, starts: np.ndarray, medians: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Returns the table of a record, float32 [quantities, layers]."""
    sizes = np.diff([*starts, len(gradients)])

    def mean(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values.mean(axis=1), starts) / sizes

    absolute = np.abs(gradients)
    finite = np.isfinite(gradients)
    values = dict.fromkeys(names(), np.full(len(sizes), np.nan))
    values |= medians
    values["mean_abs"] = mean(absolute)
    values["max_abs"] = np.maximum.reduceat(absolute.max(axis=1), starts)
    values["zero_fraction"] = mean(gradients == 0)
    values["non_finite"] = np.add.reduceat((~finite).sum(axis=1), starts)
    return np.array([values[name] for name in names()], np.float32)
