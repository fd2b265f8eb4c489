"""All that lives for one `fit` with a monitor."""

from __future__ import annotations

import functools
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import keras
import numpy as np

from deepxor.diagnosis.diagnosis import Diagnosis, diagnose
from deepxor.monitor.arguments import Arguments
from deepxor.monitor.engine.base import ArgumentError, StepView, engine
from deepxor.monitor.engine.running_fit import RunningFit
from deepxor.monitor.history import History
from deepxor.monitor.layers import Row, in_forward_order, named_rows
from deepxor.monitor.measure.pool import Looked, Pool
from deepxor.monitor.measure.tracing import outside_of_step
from deepxor.monitor.optimizers import named_optimizers, step_count
from deepxor.monitor.recorder import Record, StepRecorder
from deepxor.monitor.run_writer import RunWriter, Written
from deepxor.monitor.schedule import Detail, Schedule, Sparse
from deepxor.quantities import GRADIENT, RECURRENCE, WEIGHTS, names

T = TypeVar("T")

# Reading from the device takes as long as a small step. Where records follow closely,
# those without weights wait for the next one that has them, or this many seconds.
MAX_WAIT = 0.5

# How often it is looked whether `fit` has ended by an error, of which Keras tells
# nobody, in seconds.
PULSE = 0.25


@dataclass
class _Held:
    """A record that waits for the samples of the steps right after it."""

    record: Record
    table: np.ndarray
    loss: float
    is_loss_seen: bool
    wants_skill: bool


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
        self._sparse = Sparse(0)
        self._pool = Pool(np.zeros(0, int), 0, arguments.sample)
        self._detail = Detail.NONE
        self._columns: list[int] = []
        self._recorders: list[StepRecorder] = []
        self._waiting = 0
        self._last_logs: dict[str, Any] = {}
        self._last_read = time.monotonic()
        self._held: list[_Held] = []
        self._stopped: dict[str, str] = {}
        self._counts_before: dict[str, tuple[Any, int]] = {}
        self._lock = threading.RLock()
        self._is_closed = threading.Event()
        self._writers: list[RunWriter] = []
        self._attempt("checking the layers", lambda: self._check_layers(model))
        if arguments.log_dir is not None:
            self._attempt("writing", self._open_writer)
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
        self._attempt("recording", lambda: self._begin(recorder))

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
        self._sparse = Sparse(start)
        self._counts_before = {
            name: (x, step_count(x)) for name, x in optimizers.items()
        }
        self._attempt("checking the model", lambda: self._warn_if_changed(recorder))
        if recorder is not None:
            self._take(recorder)
        self._watch_fit()

    def before_call(self) -> Detail:
        """As `engine.Listener`."""
        self._detail = self._attempt("recording", self._next_detail) or Detail.NONE
        return self._detail

    def after_call(self, recorder: StepRecorder, logs: dict[str, Any]) -> None:
        """As `engine.Listener`."""
        with self._lock:
            self._attempt("recording", lambda: self._after_call(recorder, logs))

    def stop(self, error: Exception) -> None:
        """As `engine.Listener`."""
        self._give_up("recording", error)

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
        self._last_logs = logs
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
                self._attempt("recording", lambda: self._read(self._recorders[0]))
                self._attempt("recording", self._release)

    def diagnosis(self) -> Diagnosis:
        """Returns what the history says, and what could not be seen."""
        return diagnose(self._history.as_dict())

    def _take(self, recorder: StepRecorder) -> None:
        """Begins to read from a recorder."""
        recorder.start(self._schedule.step, self._every)
        self._recorders = [recorder]
        self._columns = self._history.join(recorder.layers)
        self._pool = Pool(
            np.zeros(0, int), len(recorder.layers), self._arguments.sample
        )

    def _read(self, recorder: StepRecorder) -> None:
        """Takes over the records since the last reading."""
        self._waiting = 0
        self._last_read = time.monotonic()
        updated, weights = recorder.updates.finish(self._schedule.step)
        reading = recorder.read()
        for record in reading.records:
            is_latest = record is reading.records[-1]
            self._note_bad(record, recorder)
            if record.samples and is_latest:
                self._look(record, recorder)
            if self._schedule.is_record(record.step) and recorder.layers:
                shown = weights if record.step in updated else None
                self._hold(record, recorder, shown, is_latest)
        if reading.first_bad is not None:
            step, row = reading.first_bad
            layer = None if row is None else recorder.layers[row]
            self._history.note_bad((step, layer))
        if not self._schedule.looks_again:
            self._release()
        self._note_reasons(recorder)

    def _hold(
        self,
        record: Record,
        recorder: StepRecorder,
        weights: np.ndarray | None,
        is_latest: bool,
    ) -> None:
        """Makes a record's row; it is kept once its samples are together."""
        self._release()
        table = np.full((len(names()), len(recorder.layers)), np.nan, np.float32)
        table[_rows(GRADIENT)] = record.gradients
        table[names().index("saturated_fraction")] = record.saturated
        if weights is not None and weights.size:
            table[_rows(WEIGHTS)] = weights
        wants_skill = False
        if weights is not None and is_latest and self._sparse.is_due(record.step):
            wants_skill = True
            table[_rows(RECURRENCE)] = self._time_ratio(recorder)
        loss, is_seen = record.loss, recorder.sees_loss
        if not is_seen and "loss" in self._last_logs:
            loss, is_seen = float(self._last_logs["loss"]), True
        self._held.append(_Held(record, table, loss, is_seen, wants_skill))
        if record.samples and is_latest:
            more = -(-self._arguments.sample // record.samples) - 1
            if self._schedule.look_again(more):
                self._pool.keep_latest()

    def _look(self, record: Record, recorder: StepRecorder) -> None:
        """Takes in the samples of a step."""
        look = recorder.latest_look()
        if look is None:
            return
        if not np.array_equal(self._pool.rows, look.unit_rows):
            self._pool = Pool(
                look.unit_rows, len(recorder.layers), self._arguments.sample
            )
        silent = np.zeros(0, bool)
        if look.silent is not None:
            silent = look.silent.numpy().astype(bool)
        pair = look.pair.arrays(record.samples)
        self._pool.add(Looked(record.samples, silent, pair))

    def _release(self) -> None:
        """Keeps and writes the record that has waited."""
        held, self._held = self._held, []
        for one in held:
            record, table = one.record, one.table
            samples = 0
            if record.samples:
                samples = self._pool.samples
                dead = self._pool.dead_fraction()
                table[names().index("dead_fraction")] = dead
            skill = self._skill() if one.wants_skill else float("nan")
            wide = self._widened(table)
            self._history.add(
                record.step, wide, record.global_norm, one.loss, skill, samples,
                one.is_loss_seen,
            )  # fmt: skip
            self._write(one, table, skill)

    def _widened(self, table: np.ndarray) -> np.ndarray:
        """Returns the table with the columns of the history's other layers."""
        wide = np.full((len(table), len(self._history.layers)), np.nan, np.float32)
        wide[:, self._columns] = table
        return wide

    def _time_ratio(self, recorder: StepRecorder) -> np.ndarray:
        look = recorder.latest_look()
        missing = np.full(len(recorder.layers), np.nan, np.float32)
        if look is None:
            return missing
        kept = {key: samples.tensors() for key, samples in look.sequences.items()}
        found = self._attempt("time_ratio", lambda: recorder.recurrence.measure(kept))
        return missing if found is None else found

    def _skill(self) -> float:
        recorder = self._recorders[0]
        found = self._attempt(
            "skill", lambda: recorder.skill.measure(self._pool.pair())
        )
        return float("nan") if found is None else found

    def _note_bad(self, record: Record, recorder: StepRecorder) -> None:
        """Keeps the first step with a gradient that is not finite, or not seen."""
        non_finite = record.gradients[names(GRADIENT).index("non_finite")]
        unseen = [recorder.layers[row] for row in np.flatnonzero(np.isnan(non_finite))]
        if unseen:
            self._history.notes.setdefault(
                "norm",
                f"at step {record.step} no optimizer got a gradient of "
                f"{', '.join(unseen)}, or it left the step out as it overflowed",
            )
        bad = np.flatnonzero(non_finite > 0)
        if len(bad):
            self._history.note_bad((record.step, recorder.layers[bad[-1]]))

    def _note_reasons(self, recorder: StepRecorder) -> None:
        notes = self._history.notes
        notes.update(recorder.reasons)
        if recorder.skill.reason is not None:
            notes["skill"] = recorder.skill.reason
        if not recorder.sees_loss and "loss" not in self._last_logs:
            notes["loss"] = "the training step neither scales nor reports a loss"
        unseen = [
            name
            for name, (optimizer, before) in self._counts_before.items()
            if id(optimizer) not in recorder.seen_optimizers
            and step_count(optimizer) > before
        ]
        if unseen:
            notes["norm"] = (
                f"the gradients of {', '.join(unseen)} are not seen: applied out of "
                "sight, as in a tf.function that had been traced before"
            )
        many = [
            f"{name} {count}"
            for name, count in zip(recorder.layers, recorder.applied, strict=True)
            if count > 1
        ]
        if many:
            notes["applications"] = (
                "a step applies several gradients to a layer, of which the last is "
                f"recorded: {', '.join(many)}"
            )

    def _write(self, held: _Held, table: np.ndarray, skill: float) -> None:
        recorder, record = self._recorders[0], held.record
        counts = record.counts
        histograms = self._arguments.histograms
        if counts is not None and (self._history.made - 1) % histograms:
            counts = None
        written = Written(
            recorder.layers,
            {name: table[i] for i, name in enumerate(names())},
            record.global_norm,
            held.loss if held.is_loss_seen else None,
            skill,
            counts,
        )
        self._to_writer(lambda writer: writer.record(record.step, written))

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
            self._attempt("writing", functools.partial(act, writer))
        if "writing" in self._stopped:
            self._writers.clear()

    def _watch_fit(self) -> None:
        """Ends the session soon after a `fit` that an error has ended."""
        if self._writers:
            threading.Thread(
                target=_end_with, args=(weakref.ref(self), self._is_closed),
                name="GradientMonitor", daemon=True,
            ).start()  # fmt: skip

    # What goes wrong.

    def _attempt(self, what: str, act: Callable[[], T]) -> T | None:
        """Returns what a function returns, or None, and warns, if it fails.

        No error of the monitor's own ends a training. What has failed is not tried
        again.
        """
        if what in self._stopped:
            return None
        try:
            return act()
        except ArgumentError:
            raise
        except Exception as error:
            self._give_up(what, error)
            return None

    def _give_up(self, what: str, error: Exception) -> None:
        if what in self._stopped:
            return
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        self._stopped[what] = reason
        self._history.notes[what] = f"stopped by {reason}"
        where = f" to {self._arguments.log_dir}" if what == "writing" else ""
        warnings.warn(
            f"GradientMonitor has stopped {what}{where}, and training goes on. "
            f"{reason}",
            stacklevel=2,
        )

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


def _rows(source: str) -> list[int]:
    return [names().index(name) for name in names(source)]


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
