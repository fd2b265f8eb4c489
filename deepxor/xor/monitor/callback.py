"""The callback that records the gradient norms of replicas at every step."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from deepxor import statistics
from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.events.step import StepSummary
from deepxor.events.writer import SummaryWriter
from deepxor.xor.monitor.diagnosis import diagnose
from deepxor.xor.monitor.history import ReplicaHistory
from deepxor.xor.monitor.observer import GradientObserver, Observation
from deepxor.xor.network.model import ReplicaNetwork


class ReplicaMonitor(keras.callbacks.Callback):
    """Records the gradient norm of every layer, step and replica of a `ReplicaNetwork`.

    The network's compiled loop hands the gradients of each step to an observer of this
    monitor. The observer keeps all norms, in bins, and the last gradients of a training
    batch. Steps 0, `every`, 2 `every` ... and the last step are records. Each of them
    has to be the last step of its training batch; `xor.train.plan_batches` cuts the
    batches that way.

    TensorBoard shows `gradient_norm_log10/<layer>`, the median over replicas;
    `gradient_zero_fraction/<layer>`; and `gradient_norm_log10_histogram/<layer>` over
    every step since the last record and every replica.

    Args:
        log_dir: The folder for the event files, or an open writer, which is then shared
            and left open. None keeps the history in memory only.
        every: The number of steps from one record to the next.

    Raises:
        ValueError: If `every` is not allowed.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | SummaryWriter | None = None,
        every: int = 100,
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every={every}: allowed is an integer from 1")
        self.every = every
        self._log_dir = log_dir
        self._writer: SummaryWriter | None = None
        # While there is a writer, only the writer's thread changes the history.
        self._history = ReplicaHistory([], 0)
        self._observer: GradientObserver | None = None
        self._latest: Observation | None = None
        self._starts = np.zeros(0, np.int64)
        self._seen = 0
        self._last_record = -1

    @property
    def history(self) -> dict[str, Any]:
        """Returns what was recorded, as a mapping like `GradientMonitor.history`.

        There are these differences. Norms are medians over the replicas; fractions and
        counts are over all replicas. Weights and their updates, activations, recurrence
        and skill are not recorded. "first", [layers, R], and "recent", [up to
        `diagnosis.WINDOW`, layers, R], are the norms of every replica at the first and
        at the latest records.

        "first_bad" is None, or the first step whose gradient was not finite in some
        replica, and the layer nearest to the output that had it. It is the first of all
        steps, not only of the records.
        """
        self._settle()
        return self._history.as_dict()

    @property
    def diagnosis(self) -> Diagnosis:
        """Returns the diagnosis of the training so far."""
        return diagnose(self.history)

    def state(self) -> dict[str, np.ndarray]:
        """Returns all measurements so far, for a checkpoint between two batches.

        If there is a writer, this has to be called on the writer's thread.
        """
        return self._history.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restores the measurements of a checkpoint; to be called before `fit`.

        Args:
            state: The result of the `state` method of a monitor of the same model.
        """
        self._history = ReplicaHistory.from_state(state)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Adds an observer to the network for this fit, and opens the writer.

        Args:
            logs: Not used.
        """
        self._stop_writing()  # an exception may have ended an earlier fit
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
        """Takes over what the observer has seen, and makes a record if one is due.

        Args:
            batch: Not used.
            logs: The logs of the batch, whose "loss" is recorded.
        """
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
        """Records the last step, if it is not recorded yet, and ends the writing.

        Args:
            logs: The logs at the end of training, whose "loss" is recorded.
        """
        if self._latest is not None and self._last_record < self._seen - 1:
            self._record(lambda: None, logs or {})
        self._stop_writing()

    def _settle(self) -> None:
        """Waits until the writer's thread has done all that it was given."""
        if self._writer is not None:
            self._writer.flush()

    def _stop_writing(self) -> None:
        """Writes what is left, and closes the writer unless it is shared."""
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
        """Looks for gradients that are not finite, and counts the norms of a batch.

        Args:
            observed: What the observer has handed over.
            start: The number of the batch's first step.
            end: The number behind that of its last step.
        """
        bins = observed.bins_in_order(end - start)
        self._history.look_for_bad(bins, end - len(bins))
        if self._writer is not None:  # the counts are only for written histograms
            self._history.count(bins)

    def _record(self, take: Callable[[], None], logs: dict[str, Any]) -> None:
        """Makes a record of the last step; if there is a writer, on its thread.

        Args:
            take: A function that takes over what has not been taken over yet.
            logs: The logs of `fit`.
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
        """Adds the latest record of the history to the summary of its step.

        Args:
            summary: The summary of the record's step.
            p10: [layers], the 10th percentile of the norms over the replicas.
            p90: [layers], the 90th percentile of the norms over the replicas.
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
    """Returns the row at which each layer starts in the gradients that `pack` returns.

    Returns:
        int [layers].
    """
    shapes = [variable.shape for variable in model.trainable_variables]
    rows = [np.prod(shape[:-1], dtype=int) for shape in shapes]
    return np.cumsum([0, *rows])[:-1:2]
