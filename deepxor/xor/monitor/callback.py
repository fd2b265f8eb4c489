"""The gradient monitor of networks side by side: norms of all steps and replicas."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor import statistics
from deepxor.checks import check_at_least
from deepxor.diagnosis.diagnosis import Diagnosis
from deepxor.events.step import StepSummary
from deepxor.events.writer import SummaryWriter
from deepxor.monitor.run_writer import shown
from deepxor.quantities import in_tab
from deepxor.record_steps import (
    is_full,
    is_power_of_two,
    is_record,
    is_regular,
)
from deepxor.xor.monitor.diagnosis import diagnose
from deepxor.xor.monitor.history import ReplicaHistory
from deepxor.xor.monitor.measure import LayerMeasures
from deepxor.xor.monitor.observer import GradientObserver, Observation
from deepxor.xor.network.model import ReplicaNetwork


class ReplicaMonitor(keras.callbacks.Callback):
    """Records the gradient norms of all layers, steps and replicas of a network.

    The network's compiled loop hands the gradients of each step to an observer of the
    monitor, which keeps all norms and the last gradients of a training batch. The
    records are those of `deepxor.record_steps` and the last step. Each of them has to
    be the last step of its training batch, as it is in those of
    `xor.train.plan_batches`. At powers of two, where it is the only one, updates,
    activations and the factors of the gradient's way back are measured, too.

    In TensorBoard it shows `gradient_norm_log10/<layer>` (the median over replicas),
    `gradient_zero_fraction/<layer>`, and `gradient_norm_log10_histogram/<layer>` over
    every step since the last histogram and every replica. There are histograms at the
    multiples of `every` and at powers of two.

    Args:
        log_dir: The folder of the event files; or an open writer, which is shared and
            left open; None to keep the history in memory only.
        every: The largest number of steps from one record to the next, at least 1.

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
        self._measures: LayerMeasures | None = None
        # The rows of the batch before the latest; None if layers are not measured.
        self._before: tf.Tensor | None = None
        self._rows: tf.Tensor | None = None
        self._starts = np.zeros(0, np.int64)
        self._seen = 0
        self._last_record = -1

    @property
    def history(self) -> dict[str, Any]:
        """The records as a mapping, like `GradientMonitor.history` but for these keys.

        All are medians over the replicas, but fractions and counts of the gradient are
        over all replicas. Recurrence and skill are not recorded. The keys "first",
        [layers, R], and "recent", [up to `WINDOW` of xor.monitor.diagnosis, layers, R],
        are every replica's norms at the first and at the latest records, of those at
        multiples of `every` and the last.

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

    @property
    def fault_step(self) -> int | None:
        """The step of the first record that showed the fault, or None without one.

        With a writer the records at multiples of `every` are looked at whose number is
        a power of two; and always the last.
        """
        self._settle()
        fault = self._history.fault
        return None if fault is None else fault[1]

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
        self._latest = self._before = self._rows = None
        self._measures = LayerMeasures(model)
        self._observer = GradientObserver(model, self.every)
        model.observers.append(self._observer)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Takes what the observer has seen, and makes a record if one is due."""
        latest = self.model.latest
        start, self._seen = self._seen, latest.step + 1
        self._before, self._rows = self._rows, latest.rows
        if self._seen == start:  # a batch of no step
            return
        if self._seen > start + 1 or not is_power_of_two(latest.step):
            self._before = None
        self._latest = Observation(*latest.kept[self._observer])
        take = functools.partial(self._take, self._latest, start, self._seen)
        if is_record(latest.step, self.every):
            self._record(take, logs or {}, is_regular(latest.step, self.every))
        elif self._writer is None:
            take()
        else:
            self._writer.after(take)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Records the last step if it is not a record yet, and ends the writing."""
        if self._latest is not None and self._last_record < self._seen - 1:
            self._record(lambda: None, logs or {}, is_regular=True)
        self._settle()
        self._history.end()
        self._history.note_verdict(self.diagnosis.verdict)
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

    def _record(
        self, take: Callable[[], None], logs: dict[str, Any], is_regular: bool
    ) -> None:
        """Makes a record of the last step, on the writer's thread if there is one.

        Args:
            take: A function that takes the norms that have not been taken yet.
            logs: The logs that `fit` passes to callbacks.
            is_regular: Whether diagnoses look at the record.
        """
        assert self._latest is not None and self._measures is not None
        measures = self._measures
        self._last_record = step = self._seen - 1
        gradients, before, after = self._latest.gradients, self._before, self._rows
        loss = float(logs.get("loss", np.nan))

        def keep() -> dict[str, np.ndarray]:
            take()
            return self._history.add(
                step,
                np.asarray(gradients),
                self._starts,
                loss,
                {} if before is None else measures.quantities(before, after),
                is_regular,
            )

        if self._writer is None:
            keep()
            return
        self._writer.add(
            lambda summary: self._add_record(summary, keep(), is_regular), step
        )

    def _add_record(
        self,
        summary: StepSummary,
        of_replicas: dict[str, np.ndarray],
        is_regular: bool,
    ) -> None:
        """Adds the latest record of the history to its step's summary.

        Args:
            summary: The summary of the step.
            of_replicas: The rows of the Gradient flow tab that the history does not
                have, by name, [layers] each.
            is_regular: Whether diagnoses look at the record.
        """
        records = self._history.records
        flow = {q.shown_name: shown(q, records.latest(q.name)) for q in in_tab()}
        summary.flow(records.layers, flow | of_replicas)
        norms, zeros = flow["norm_log10"], flow["zero_fraction"]
        for layer, norm, zero_fraction in zip(
            records.layers, norms, zeros, strict=True
        ):
            summary.scalar(f"gradient_norm_log10/{layer}", norm)
            summary.scalar(f"gradient_zero_fraction/{layer}", zero_fraction)
        if is_regular and is_power_of_two(records.regular):
            diagnosis = diagnose(self._history.as_dict())
            step = self._history.note_verdict(diagnosis.verdict)
            more = {"is_running": True, "fault_step": step}
            summary.flow_diagnosis({**diagnosis.texts(), **more})
        if not (is_regular or is_full(records.steps[-1], self.every)):
            return
        for layer, row in zip(records.layers, self._history.take_counts(), strict=True):
            summary.histogram_counts(
                f"gradient_norm_log10_histogram/{layer}", statistics.LOG10_EDGES, row
            )


def _layer_starts(model: ReplicaNetwork) -> np.ndarray:
    """Returns where each layer's weights start in the rows that `pack` makes."""
    shapes = [variable.shape for variable in model.trainable_variables]
    rows = [np.prod(shape[:-1], dtype=int) for shape in shapes]
    return np.cumsum([0, *rows])[:-1:2]
