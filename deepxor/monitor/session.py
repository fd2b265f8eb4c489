"""Holds together all parts of the monitor for the duration of one `fit`."""

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
from deepxor.diagnosis.onset import fault_step
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

# Reading from the device takes as long as a small step. So where records follow each
# other closely, those of gradients only wait for the next full record, or until this
# many seconds have passed since the last reading.
MAX_WAIT = 0.5

# Seconds between two checks whether `fit` has ended by an error, which Keras does not
# report to its callbacks.
PULSE = 0.25


class FitSession:
    """Records one `fit`: measures, keeps, writes and diagnoses, until the fit ends.

    The session is closed however the fit ends.

    Args:
        model: The model that is trained.
        params: The `params` that Keras gives the callbacks of this fit.
        arguments: The arguments of the monitor.
        history: The history that records are added to.
        next_step: The smallest number that the first step may have.
        owner: The object, the monitor, whose deletion closes the session; so does the
            end of the interpreter.
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
        """Returns the part of the arguments that is compiled into a step."""
        return self._arguments.compiled

    @property
    def every(self) -> int:
        """Returns the number of steps from one record to the next."""
        return self._every

    def expect_call(self) -> None:
        """Announces that the next training call belongs to this fit."""
        self._attachment.expect_call()

    def is_of(self, params: dict[str, Any]) -> bool:
        """Whether the session is open and records the fit with these params.

        Args:
            params: The `params` that Keras gives the callbacks of a fit.
        """
        return self.params is params and not self._is_closed.is_set()

    def is_still_needed(self) -> bool:
        """Whether its fit runs in another thread or around the current `fit`."""
        return not self._is_closed.is_set() and self.fit.is_elsewhere

    # The methods of `engine.base.Listener`, which the engine calls.

    def make_recorder(self, view: StepView) -> StepRecorder:
        """Returns a recorder for the model, once its first step has been seen.

        Args:
            view: The view of that step.

        Raises:
            ArgumentError: If the monitor's `layers` is found in the name of no layer.
        """
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
        """Prepares for the first step of the fit.

        Args:
            recorder: The recorder of an earlier fit with an equal key; None if there is
                none.
        """
        self._attempts.run("recording", lambda: self._begin(recorder))

    def _begin(self, recorder: StepRecorder | None) -> None:
        """Finds the number of the first step, and starts the parts of the session."""
        optimizers = named_optimizers(self._model)
        own = getattr(self._model, "optimizer", None)
        counted = [x for x in optimizers.values() if x.built] or [own]
        if own is not None and own.built:
            counted = [own]
        counts = [step_count(x) for x in counted if x is not None]
        start = max(min(counts, default=0), self.next_step)
        self._schedule.start(start)
        self._keeper.start(start, optimizers)
        self._history.is_running = True
        steps = self.params.get("steps")
        epochs = self.params.get("epochs") or 1
        self._history.end = start + steps * epochs if steps else None
        self._attempts.run(
            "checking the model", lambda: self._warn_if_changed(recorder)
        )
        if recorder is not None:
            self._take(recorder)
        self._watch_fit()

    def before_call(self) -> Detail:
        """Returns how much the coming call has to record."""
        self._detail = self._attempts.run("recording", self._next_detail) or Detail.NONE
        return self._detail

    def after_call(self, recorder: StepRecorder, logs: dict[str, Any]) -> None:
        """Takes note of a call that has succeeded, and reads its records if due.

        Args:
            recorder: The recorder of the call.
            logs: The logs that the call returned.
        """
        with self._lock:
            self._attempts.run("recording", lambda: self._after_call(recorder, logs))

    def stop(self, error: Exception) -> None:
        """Gives up recording, since the step cannot be seen.

        Args:
            error: The error that is the reason.
        """
        self._attempts.give_up("recording", error)

    def abandon(self) -> None:
        """Closes the session, as its fit has ended without telling the callbacks."""
        self.close()

    def _next_detail(self) -> Detail:
        detail = self._schedule.detail()
        if detail is Detail.FULL and self._recorders and self._schedule.is_due:
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
        """Whether the record that was just made can be read later."""
        return (
            recorder.sees_loss  # otherwise the loss has to come from this call's logs
            and self._arguments.on_fault is None
            and self._model.steps_per_execution == 1
            and recorder.has_room(self._waiting)
            and time.monotonic() - self._last_read < MAX_WAIT
        )

    # Reading what has been recorded.

    def settle(self) -> None:
        """Puts every record that has been made into the history."""
        with self._lock:
            if self._recorders:
                self._attempts.run("recording", lambda: self._read(self._recorders[0]))
                self._attempts.run("recording", self._keeper.release)

    def diagnosis(self) -> Diagnosis:
        """Returns the diagnosis of the history so far."""
        return diagnose(self._history.as_dict())

    def _take(self, recorder: StepRecorder) -> None:
        """Starts a recorder and begins to read from it."""
        recorder.start(self._schedule.step, self._every)
        self._recorders = [recorder]
        self._keeper.take(recorder)

    def _read(self, recorder: StepRecorder) -> None:
        """Reads the records since the last reading into the history."""
        self._waiting = 0
        self._last_read = time.monotonic()
        self._keeper.read()

    # The end of the session.

    def close(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps and writes all that was recorded, and detaches from the model.

        It is to be called however the fit ends; a second call does nothing.

        Args:
            logs: The logs at the end of training; None if the fit did not get there.
        """
        with self._lock:
            if self._is_closed.is_set():
                return
            self._is_closed.set()
            self.settle()
            self._history.is_running = False
            loss = (logs or {}).get("loss", 0)
            # The loss in the logs is the mean of the last epoch. It may have stopped
            # being finite after the last record.
            if self._recorders and not np.isfinite(float(loss)):
                self._history.note_bad((self.next_step - 1, None))
            self._to_writer(self._write_diagnosis)
            self._to_writer(lambda writer: writer.close())
            self._writers.clear()
            self._attachment.end()
            self._finalizer.detach()

    def _write_diagnosis(self, writer: RunWriter) -> None:
        history = self._history.as_dict()
        diagnosis, steps = diagnose(history), self._history.steps
        step = fault_step(history, diagnosis.verdict)
        writer.diagnosis(diagnosis, step, steps[-1] if steps else 0)

    def show(self, diagnosis: Diagnosis) -> None:
        """Writes a diagnosis for those who watch the training in TensorBoard.

        Args:
            diagnosis: The diagnosis of the history so far.
        """
        if self._writers and self._history.steps:
            step = fault_step(self._history.as_dict(), diagnosis.verdict)
            latest = self._history.steps[-1]
            self._to_writer(
                lambda writer: writer.live_diagnosis(diagnosis, step, latest)
            )

    def _open_writer(self) -> None:
        assert self._arguments.log_dir is not None
        self._writers.append(RunWriter(self._arguments.log_dir))

    def _to_writer(self, act: Callable[[RunWriter], None]) -> None:
        for writer in list(self._writers):
            self._attempts.run("writing", functools.partial(act, writer))
        if self._attempts.has_stopped("writing"):
            self._writers.clear()

    def _watch_fit(self) -> None:
        """Starts a thread that closes the session soon after an error ends `fit`."""
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
        """Warns if `trainable` has changed since the train function was made."""
        before = None if recorder is None else recorder.trainable_ids
        if self._attachment.has_changed(before):
            warnings.warn(
                "GradientMonitor: `trainable` of a layer was changed after the model "
                "was compiled. Without a monitor Keras would go on training as before; "
                "compile it again.",
                stacklevel=2,
            )


def _close_apart(session: FitSession) -> None:
    """Closes a session in another thread, where no step is being traced.

    The monitor may be garbage-collected while the step of some model is being traced in
    the current thread.
    """
    try:
        outside_of_step(session.close)
    except RuntimeError:  # when the interpreter ends, no thread can be started
        session.close()


def _end_with(session: weakref.ref[FitSession], is_closed: threading.Event) -> None:
    """Closes a session once its `fit` is no longer running."""
    while not is_closed.wait(PULSE):
        found = session()
        if found is None:
            return
        if not found.fit.is_running():
            found.close()
        del found
