"""All that lives for one `fit` with a monitor."""

from __future__ import annotations

import functools
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import keras
import numpy as np

from deepxor.diagnosis.diagnosis import Diagnosis, diagnose
from deepxor.monitor.arguments import Arguments
from deepxor.monitor.attempts import Attempts
from deepxor.monitor.engine.base import ArgumentError, StepView, engine
from deepxor.monitor.engine.running_fit import RunningFit
from deepxor.monitor.history import History
from deepxor.monitor.layers import Row, in_forward_order, named_rows
from deepxor.monitor.measure.tracing import outside_of_step
from deepxor.monitor.optimizers import named_optimizers, step_count
from deepxor.monitor.record_keeper import RecordKeeper
from deepxor.monitor.recorder import StepRecorder
from deepxor.monitor.run_writer import RunWriter
from deepxor.monitor.schedule import Detail, Schedule

T = TypeVar("T")

# Reading from the device takes as long as a small step. Where records follow closely,
# those without weights wait for the next one that has them, or this many seconds.
MAX_WAIT = 0.5

# How often it is looked whether `fit` has ended by an error, of which Keras tells
# nobody, in seconds.
PULSE = 0.25


class FitSession:
    """Records one `fit`: measures, keeps, writes and judges, and ends on every way out.

    Args:
        model: What is trained.
        params: Those that Keras gives the callbacks of this fit.
        arguments: The monitor's.
        history: What is added to.
        next_step: The least number that the first step may have.
        owner: Whose end, or that of the interpreter, ends it, too.
    """

    def __init__(
        self,
        model: keras.Model,
        params: dict[str, Any],
        arguments: Arguments,
        history: History,
        next_step: int,
        owner: object,
    ) -> None:
        self.params = params
        self.fit = RunningFit(params)
        self.next_step = next_step
        self._model = model
        self._arguments = arguments
        self._history = history
        self._every = arguments.every_of(params)
        self._schedule = Schedule(self._every, model.steps_per_execution)
        self._attempts = Attempts(history.notes, arguments.log_dir)
        self._keeper = RecordKeeper(
            arguments, history, self._schedule, self._attempts, self._to_writer
        )
        self._detail = Detail.NONE
        self._recorders: list[StepRecorder] = []
        self._waiting = 0
        self._last_read = time.monotonic()
        self._lock = threading.RLock()
        self._is_closed = threading.Event()
        self._writers: list[RunWriter] = []
        self._attempts.run("checking the layers", lambda: self._check_layers(model))
        if arguments.log_dir is not None:
            self._attempts.run("writing", self._open_writer)
        self._attachment = engine().attach(model, params, self.fit, self)
        self._finalizer = weakref.finalize(owner, _close_apart, self)

    @property
    def key(self) -> Hashable:
        """As `engine.Listener`: what of the arguments is compiled into a step."""
        return self._arguments.compiled

    @property
    def every(self) -> int:
        """Steps from one record to the next."""
        return self._every

    def expect_call(self) -> None:
        """Says that the next training step is one of this fit."""
        self._attachment.expect_call()

    def is_of(self, params: dict[str, Any]) -> bool:
        """Whether it is that of the fit with these params."""
        return self.params is params and not self._is_closed.is_set()

    def is_still_needed(self) -> bool:
        """Whether its fit runs elsewhere: on another thread, or around this one."""
        return not self._is_closed.is_set() and self.fit.is_elsewhere

    # The listener's side.

    def make_recorder(self, view: StepView) -> StepRecorder:
        """As `engine.Listener`."""
        arguments = self._arguments
        rows = named_rows(view.model)
        reached = {
            id(variable)
            for application in view.applications
            for variable, gradient in zip(
                application.variables, application.gradients, strict=False
            )
            if gradient is not None
        } | set(view.hidden_sums)
        unreached = {
            row.name for row in rows if not any(id(v) in reached for v in row.variables)
        }
        rows = in_forward_order(rows, view.calls, unreached)
        recorder = StepRecorder(
            view, self._chosen(rows), arguments.sample, arguments.histograms > 0
        )
        self._take(recorder)
        if self._detail is Detail.FULL:
            recorder.first_step = self._schedule.step
        return recorder

    def begin(self, recorder: StepRecorder | None) -> None:
        """As `engine.Listener`."""
        self._attempts.run("recording", lambda: self._begin(recorder))

    def _begin(self, recorder: StepRecorder | None) -> None:
        """Finds the number of the first step."""
        optimizers = named_optimizers(self._model)
        own = getattr(self._model, "optimizer", None)
        counted = [x for x in optimizers.values() if x.built] or [own]
        if own is not None and own.built:
            counted = [own]
        counts = [step_count(x) for x in counted if x is not None]
        start = max(min(counts, default=0), self.next_step)
        self._schedule.start(start)
        self._keeper.start(start, optimizers)
        self._attempts.run(
            "checking the model", lambda: self._warn_if_changed(recorder)
        )
        if recorder is not None:
            self._take(recorder)
        self._watch_fit()

    def before_call(self) -> Detail:
        """As `engine.Listener`."""
        self._detail = self._attempts.run("recording", self._next_detail) or Detail.NONE
        return self._detail

    def after_call(self, recorder: StepRecorder, logs: dict[str, Any]) -> None:
        """As `engine.Listener`."""
        with self._lock:
            self._attempts.run("recording", lambda: self._after_call(recorder, logs))

    def stop(self, error: Exception) -> None:
        """As `engine.Listener`."""
        self._attempts.give_up("recording", error)

    def abandon(self) -> None:
        """As `engine.Listener`."""
        self.close()

    def _next_detail(self) -> Detail:
        detail = self._schedule.detail()
        is_due = -self._schedule.step % self._every < self._model.steps_per_execution
        if detail is Detail.FULL and self._recorders and is_due:
            self._recorders[0].updates.start(self._schedule.step)
        return detail

    def _after_call(self, recorder: StepRecorder, logs: dict[str, Any]) -> None:
        if self._model.steps_per_execution == 1:
            self._schedule.count_call()
        else:
            self._schedule.go_to(recorder.next_step())
        self.next_step = self._schedule.step
        self._keeper.last_logs = logs
        recorder.first_step = None
        if self._detail is Detail.GRADIENTS and self._may_wait(recorder):
            self._waiting += 1
        elif self._detail is not Detail.NONE:
            self._read(recorder)

    def _may_wait(self, recorder: StepRecorder) -> bool:
        """Whether the record just made can be read later."""
        return (
            recorder.sees_loss  # otherwise it is in this call's logs
            and self._arguments.on_fault is None
            and self._model.steps_per_execution == 1
            and recorder.has_room(self._waiting)
            and time.monotonic() - self._last_read < MAX_WAIT
        )

    # What has been recorded.

    def settle(self) -> None:
        """Sees to it that every record made is in the history."""
        with self._lock:
            if self._recorders:
                self._attempts.run("recording", lambda: self._read(self._recorders[0]))
                self._attempts.run("recording", self._keeper.release)

    def diagnosis(self) -> Diagnosis:
        """Returns what the history says, and what could not be seen."""
        return diagnose(self._history.as_dict())

    def _take(self, recorder: StepRecorder) -> None:
        """Begins to read from a recorder."""
        recorder.start(self._schedule.step, self._every)
        self._recorders = [recorder]
        self._keeper.take(recorder)

    def _read(self, recorder: StepRecorder) -> None:
        """Takes over the records since the last reading."""
        self._waiting = 0
        self._last_read = time.monotonic()
        self._keeper.read()

    # Ways out.

    def close(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps and writes all that was recorded; to be called at any end, once.

        Args:
            logs: Of the end of the training, if it came that far.
        """
        with self._lock:
            if self._is_closed.is_set():
                return
            self._is_closed.set()
            self.settle()
            loss = (logs or {}).get("loss", 0)
            # The mean of the last epoch: there may have been no record since.
            if self._recorders and not np.isfinite(float(loss)):
                self._history.note_bad((self.next_step - 1, None))
            self._to_writer(self._write_diagnosis)
            self._to_writer(lambda writer: writer.close())
            self._writers.clear()
            self._attachment.end()
            self._finalizer.detach()

    def _write_diagnosis(self, writer: RunWriter) -> None:
        steps = self._history.steps
        writer.diagnosis(self.diagnosis(), steps[-1] if steps else 0)

    def _open_writer(self) -> None:
        assert self._arguments.log_dir is not None
        self._writers.append(RunWriter(self._arguments.log_dir))

    def _to_writer(self, act: Callable[[RunWriter], None]) -> None:
        for writer in list(self._writers):
            self._attempts.run("writing", functools.partial(act, writer))
        if self._attempts.has_stopped("writing"):
            self._writers.clear()

    def _watch_fit(self) -> None:
        """Ends the session soon after a `fit` that an error has ended."""
        if self._writers:
            threading.Thread(
                target=_end_with, args=(weakref.ref(self), self._is_closed),
                name="GradientMonitor", daemon=True,
            ).start()  # fmt: skip

    # Checks.

    def _check_layers(self, model: keras.Model) -> None:
        if model.built:
            self._chosen(named_rows(model))

    def _chosen(self, rows: Sequence[Row]) -> list[Row]:
        chosen = [row for row in rows if self._arguments.chooses(row.name)]
        if rows and not chosen:
            raise ArgumentError(
                "`layers` must be found in the name of a layer. Received: "
                f"layers={self._arguments.layers!r}. The layers are: "
                f"{', '.join(row.name for row in rows)}"
            )
        return chosen

    def _warn_if_changed(self, recorder: StepRecorder | None) -> None:
        """Warns of a model that has changed since its train function was made."""
        before = None if recorder is None else recorder.trainable_ids
        if self._attachment.has_changed(before):
            warnings.warn(
                "GradientMonitor: `trainable` of a layer was changed after the model "
                "was compiled. Without a monitor Keras would go on training as before; "
                "compile it again.",
                stacklevel=2,
            )


def _close_apart(session: FitSession) -> None:
    """Closes a session where nobody knows what the thread at hand is doing.

    Its monitor may be collected while some model's step is being traced.
    """
    try:
        outside_of_step(session.close)
    except RuntimeError:  # at the interpreter's end there are no threads any more
        session.close()


def _end_with(session: weakref.ref[FitSession], is_closed: threading.Event) -> None:
    """Closes a session once its `fit` runs no more."""
    while not is_closed.wait(PULSE):
        found = session()
        if found is None:
            return
        if not found.fit.is_running():
            found.close()
        del found
