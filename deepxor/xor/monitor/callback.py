"""The gradient monitor of networks side by side: norms of all steps and replicas."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from deepxor import statistics
from deepxor.checks import check_at_least
from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.events.step import StepSummary
from deepxor.events.writer import SummaryWriter
from deepxor.xor.monitor.diagnosis import diagnose
from deepxor.xor.monitor.history import ReplicaHistory
from deepxor.xor.monitor.observer import GradientObserver, Observation
from deepxor.xor.network.model import ReplicaNetwork


class ReplicaMonitor(keras.callbacks.Callback):
    """Records the gradient norm of every layer, step and replica of a lab's network.

    The network's compiled loop hands the gradients of each step to an observer of the
    monitor's, which keeps all norms and the last gradients of a training batch. Steps
    0, `every`, 2 `every` ... and the last are records; each has to be the last step of
    its training batch, as `training.plan_batches` cuts them.

    In TensorBoard: `gradient_norm_log10/<layer>` (the median over replicas),
    `gradient_zero_fraction/<layer>`, and `gradient_norm_log10_histogram/<layer>` over
    every step since the last record and every replica.

    Args:
        log_dir: Where event files go, or a writer that is open already, which is then
            shared and left open; None keeps the history in memory only.
        every: Steps from one record to the next.

    Raises:
        ValueError: If `every` is not allowed.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | SummaryWriter | None = None,
        every: int = 100,
    ) -> None:
        super().__init__()
        check_at_least("every", every, 1)
        self.every = every
        self._log_dir = log_dir
        self._writer: SummaryWriter | None = None
        # While there is a writer, it changes on the writer's thread only.
        self._history = ReplicaHistory([], 0)
        self._observer: GradientObserver | None = None
        self._latest: Observation | None = None
        self._starts = np.zeros(0, np.int64)
        self._seen = 0
        self._last_record = -1

    @property
    def history(self) -> dict[str, Any]:
        """What was recorded, as a mapping: `GradientMonitor.history`, but for this.

        Norms are medians over the replicas; fractions and counts are over all replicas;
        what an update changes, activations, recurrence and skill are not recorded. Also
        "first" [layers, R] and "recent" [up to `verdict.WINDOW`, layers, R], every
        replica's norms at the first and at the latest records.

        "first_bad" is None, or the first step of all, not only of the records, whose
        gradient was not finite in some replica, and the layer nearest to the output
        that had it.
        """
        self._settle()
        return self._history.as_dict()

    @property
    def diagnosis(self) -> Diagnosis:
        """What the history says about the training so far."""
        return diagnose(self.history)

    def state(self) -> dict[str, np.ndarray]:
        """Returns all that it has measured, for a checkpoint between two batches.

        Where there is a writer, it is to be called on the writer's thread.
        """
        return self._history.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a `state`; to be called before `fit`.

        Args:
            state: Of a monitor of the same model.
        """
        self._history = ReplicaHistory.from_state(state)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Adds its observer to the network, for this fit."""
        self._stop_writing()  # of a fit that an exception ended
        if isinstance(self._log_dir, SummaryWriter):
            self._writer = self._log_dir
        elif self._log_dir is not None:
            self._writer = SummaryWriter(self._log_dir)
        model: ReplicaNetwork = self.model
        self._seen = int(model.optimizer.iterations)
        names = [layer.name for layer in model.stack]
        if not self._history.can_go_on(names, model.replicas, self._seen):
            self._history = ReplicaHistory(names, model.replicas)
        steps = self._history.records.steps
        self._last_record = steps[-1] if steps else -1
        self._starts = _layer_starts(model)
        self._latest = None
        self._observer = GradientObserver(model, self.every)
        model.observers.append(self._observer)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Records what the observer has seen, where a record is due."""
        latest = self.model.latest
        start, self._seen = self._seen, latest.step + 1
        self._latest = Observation(*latest.kept[self._observer])
        take = functools.partial(self._take, self._latest, start, self._seen)
        if latest.step % self.every == 0:
            self._record(take, logs or {})
        elif self._writer is None:
            take()
        else:
            self._writer.after(take)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Records the last step, if it is not yet, and diagnoses."""
        if self._latest is not None and self._last_record < self._seen - 1:
            self._record(lambda: None, logs or {})
        self._stop_writing()

    def _settle(self) -> None:
        """Waits until the writer's thread has kept all that it was given."""
        if self._writer is not None:
            self._writer.flush()

    def _stop_writing(self) -> None:
        """Has all of it written, and closes the writer if it is the monitor's own."""
        if self._writer is None:
            return
        try:
            if self._writer is self._log_dir:
                self._writer.flush()
            else:
                self._writer.close()
        finally:
            self._writer = None

    def _take(self, observed: Observation, start: int, end: int) -> None:
        """Takes what there is to know of the steps of a batch, from start to end."""
        bins = observed.bins_in_order(end - start)
        self._history.look_for_bad(bins, end - len(bins))
        if self._writer is not None:  # histograms are for it alone
            self._history.count(bins)

    def _record(self, take: Callable[[], None], logs: dict[str, Any]) -> None:
        """Makes a record of the last step; if there is a writer, on its thread.

        Args:
            take: Takes what has not been taken yet.
            logs: Of `fit`.
        """
        assert self._latest is not None
        self._last_record = step = self._seen - 1
        gradients, loss = self._latest.gradients, float(logs.get("loss", np.nan))

        def keep() -> tuple[np.ndarray, np.ndarray]:
            take()
            return self._history.add(step, np.asarray(gradients), self._starts, loss)

        if self._writer is None:
            keep()
        else:
            self._writer.add(lambda summary: self._add_record(summary, *keep()), step)

    def _add_record(
        self, summary: StepSummary, p10: np.ndarray, p90: np.ndarray
    ) -> None:
        """Adds the latest record of the history to its step's summary.

        Args:
            summary: The step's.
            p10: 10th percentile of the norms over the replicas, [layers].
            p90: 90th percentile.
        """
        records = self._history.records
        log10 = statistics.log10_norm(records.latest("norm"))
        zeros = records.latest("zero_fraction")
        flow = {
            "norm_log10": log10,
            "norm_log10_p10": statistics.log10_norm(p10),
            "norm_log10_p90": statistics.log10_norm(p90),
            "zero_fraction": zeros,
            "non_finite": records.latest("non_finite"),
        }
        summary.flow(records.layers, flow)
        counts = self._history.take_counts()
        rows = zip(records.layers, log10, zeros, counts, strict=True)
        for layer, norm, zero_fraction, row in rows:
            summary.scalar(f"gradient_norm_log10/{layer}", norm)
            summary.scalar(f"gradient_zero_fraction/{layer}", zero_fraction)
            summary.histogram_counts(
                f"gradient_norm_log10_histogram/{layer}", statistics.LOG10_EDGES, row
            )


def _layer_starts(model: ReplicaNetwork) -> np.ndarray:
    """Returns where each layer's weights start in the rows that `pack` makes."""
    shapes = [variable.shape for variable in model.trainable_variables]
    rows = [np.prod(shape[:-1], dtype=int) for shape in shapes]
    return np.cumsum([0, *rows])[:-1:2]
