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
    """Records the gradient norms of all layers, steps and replicas of a network.

    The network's compiled loop hands the gradients of each step to an observer of the
    monitor, which keeps all norms and the last gradients of a training batch. Steps 0,
    `every`, 2 `every` ... and the last one are records. Each of them has to be the last
    step of its training batch, as it is in those of `xor.train.plan_batches`.

    In TensorBoard it shows `gradient_norm_log10/<layer>` (the median over replicas),
    `gradient_zero_fraction/<layer>`, and `gradient_norm_log10_histogram/<layer>` over
    every step since the last record and every replica.

    Args:
        log_dir: The folder of the event files; or an open writer, which is shared and
            left open; None to keep the history in memory only.
        every: The number of steps from one record to the next, at least 1.

    Raises:
        ValueError: If `every` is below 1.
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
        # If there is a writer, only the writer's thread changes the history.
        self._history = ReplicaHistory([], 0)
        self._observer: GradientObserver | None = None
        self._latest: Observation | None = None
        self._starts = np.zeros(0, np.int64)
        self._seen = 0
        self._last_record = -1

    @property
    def history(self) -> dict[str, Any]:
        """The records as a mapping, like `GradientMonitor.history` but for these keys.

        Norms are medians over the replicas; fractions and counts are over all replicas.
        Weights, activations, recurrence and skill are not recorded. The keys "first",
        [layers, R], and "recent", [up to `WINDOW` of xor.monitor.diagnosis, layers, R],
        are every replica's norms at the first and at the latest records.

        The key "first_bad" is None, or the first step at which the gradient of some
        replica was not finite, and the layer nearest to the output where it was not.
        All steps count for it, not only the records.
        """
        self._settle()
        return self._history.as_dict()

    @property
    def diagnosis(self) -> Diagnosis:
        """The verdict on the training so far."""
        return diagnose(self.history)

    def state(self) -> dict[str, np.ndarray]:
        """Returns all that has been measured, for a checkpoint between two batches.

        If there is a writer, the method must be called on the writer's thread.
        """
        return self._history.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets the monitor to a state; it must be called before `fit`.

        Args:
            state: The state of a monitor of the same model.
        """
        self._history = ReplicaHistory.from_state(state)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Adds the monitor's observer to the network for this `fit`."""
        self._stop_writing()  # in case an exception ended the `fit` before
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
        """Takes what the observer has seen, and makes a record if one is due."""
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
        """Records the last step if it is not a record yet, and ends the writing."""
        if self._latest is not None and self._last_record < self._seen - 1:
            self._record(lambda: None, logs or {})
        self._stop_writing()

    def _settle(self) -> None:
        """Waits until the writer's thread has done all of its work."""
        if self._writer is not None:
            self._writer.flush()

    def _stop_writing(self) -> None:
        """Flushes the writer, and closes it if it is the monitor's own."""
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
        """Takes the norms of a batch's steps, from `start` up to `end`."""
        bins = observed.bins_in_order(end - start)
        self._history.look_for_bad(bins, end - len(bins))
        if self._writer is not None:  # only the writer shows histograms
            self._history.count(bins)

    def _record(self, take: Callable[[], None], logs: dict[str, Any]) -> None:
        """Makes a record of the last step, on the writer's thread if there is one.

        Args:
            take: A function that takes the norms that have not been taken yet.
            logs: The logs that `fit` passes to callbacks.
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
            summary: The summary of the step.
            p10: The 10th percentiles of the norms over the replicas, [layers].
            p90: The 90th percentiles of the norms over the replicas, [layers].
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
