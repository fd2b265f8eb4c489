"""The callback that records the gradients of a Keras model while it is trained."""

from __future__ import annotations

import os
import time
import warnings
import weakref
from typing import Any

import keras

from deepxor.diagnosis.diagnosis import Diagnosis, check_model, diagnose
from deepxor.events.writer import SummaryWriter
from deepxor.monitor.arguments import Arguments, FaultHandler, check
from deepxor.monitor.engine.base import engine
from deepxor.monitor.history import History
from deepxor.monitor.session import FitSession
from deepxor.verdicts import HEALTHY, UNDECIDED

# The Gradient flow tab looks for news every two seconds.
SECONDS_TO_SHOW = 2.0


class GradientMonitor(keras.callbacks.Callback):
    """Records the gradients of every layer while `fit` trains a model.

    The monitor reads the gradients that the optimizers are given inside the compiled
    training step. So these are exactly the gradients that update the weights, before
    clipping, without a second backward pass, and the weights after training are bit for
    bit what they are without the monitor. Steps between two records run in a function
    of their own that is compiled without the code that makes a record.

    A step is a call of the train step that succeeded. Steps count from 0, or from the
    optimizer's own count. The records are dense at first: every step up to 32, then
    four each time that the number doubles, and every multiple of `every`. Diagnoses
    look at the latter only. The first step with a gradient that is not finite is
    noticed between records, too.

    TensorBoard shows `cost`, `global_gradient_norm_log10`, `skill`, and for every layer
    the charts of `deepxor.quantities`, such as `gradient_norm_log10/<layer>`. A long
    training is diagnosed now and then for the Gradient flow tab. At the end of the
    training the diagnosis is written as text and, into the folder, as diagnosis.json.

    If the monitor itself fails, it warns, and training goes on.

    Args:
        log_dir: The folder for the event files, or an open writer, which is then shared
            and left open. None keeps the history in memory only. The history in memory
            is bounded: a long one gets sparser in its older half.
        every: The largest number of steps from one record to the next. None stands for
            1 in a `fit` of up to 100 steps, 10 in one of up to 1,000, and 100 in a
            longer one or one of unknown length.
        layers: A regular expression. Only layers in whose name it is found are
            recorded; None records all.
        histograms: The number of multiples of `every` from one histogram to the next: a
            histogram of log10 of each layer's gradient elements is written as
            `gradient_log10_histogram/<layer>`, at early powers of two, too. 0 writes
            none.
        sample: The number of samples whose activations give the fractions of dead and
            of saturated units, and whose predictions give the skill. With 0 none of
            these is measured, nor is "time_ratio".
        on_fault: What to do when the diagnosis, which is then repeated during training,
            becomes a fault that it was not before: "warn", "stop", or a function that
            takes the `Diagnosis`. None does nothing. "warn" and "stop" also warn, after
            the first step, of an output activation or a loss that does not fit the
            targets, and of inputs that are not scaled.

    Raises:
        ValueError: If an argument is not allowed.
        RuntimeError: If the monitor does not support the backend that Keras runs on.

    Example:
        monitor = deepxor.GradientMonitor("logdir/my-run")
        model.fit(x, y, callbacks=[monitor])
        print(monitor.diagnosis)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | SummaryWriter | None = None,
        every: int | None = None,
        *,
        layers: str | None = None,
        histograms: int = 0,
        sample: int = 32,
        on_fault: str | FaultHandler | None = None,
    ) -> None:
        super().__init__()
        self._arguments = check(log_dir, every, layers, histograms, sample, on_fault)
        engine()
        self._history = History([])
        self._session: FitSession | None = None
        self._trained: weakref.ref[keras.Model] | None = None
        self._last_verdict = HEALTHY
        self._next_check = 1
        self._shown_at = 0.0

    @property
    def every(self) -> int:
        """Returns the number of steps from one record to the next.

        Before the first fit it is 0 if the length of the fit is to decide.
        """
        if self._session is not None:
            return self._session.every
        return self._arguments.every or 0

    @property
    def history(self) -> dict[str, Any]:
        """Returns what was recorded, as a mapping.

        "step" is int64 [records]. "layer" is a list of names in forward order. Each
        quantity of `deepxor.quantities` is float32 [records, layers], NaN where it was
        not measured or not seen; docs/monitor.md describes each quantity.

        "global_norm", float32 [records], is the L2 norm over all layers, including
        those not chosen. "loss", float64 [records], is the loss of the batch, and
        "loss_seen", bool [records], says whether it is known. "skill", float64
        [records], is the smallest skill of the outputs (see `measure.skill.Skill`), and
        "learning_rate" the rate in force; both are NaN where they were not measured.
        With steps_per_execution loss and skill are those of the call's last step.
        "regular", bool [records], says which records diagnoses look at. "samples",
        int64 [records], is the number of samples whose activations and
        predictions were looked at. The facts of `deepxor.facts` are float64 [records,
        outputs] or [records, inputs], whose names are in "output" and "input".

        "model" has the facts of the compiled model, see `model_facts`; "is_running" and
        "end" say whether the fit goes on, and the step before which it is to end.

        "first_bad" is None, or the step of the first gradient that was not finite and
        the layer nearest to the output that had it. "notes" maps a quantity to the
        reason why it is not known.
        """
        self._settle()
        return self._history.as_dict()

    @property
    def diagnosis(self) -> Diagnosis:
        """Returns the diagnosis of the training so far."""
        return diagnose(self.history)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begins to record a fit.

        Args:
            logs: Not used.

        Raises:
            RuntimeError: If this monitor is recording another fit that is running.
        """
        session = self._session
        if session is not None and session.is_of(self.params):
            return  # this monitor is twice in the list of callbacks
        if session is not None and session.is_still_needed():
            raise RuntimeError(
                "This GradientMonitor is recording another fit, which is still "
                "running: give each fit a monitor of its own"
            )
        self._end()
        self._begin()

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Announces that the next training call belongs to this fit.

        Args:
            batch: Not used.
            logs: Not used.
        """
        if self._session is not None:
            self._session.expect_call()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Makes the diagnosis now and then, and acts on a fault.

        Args:
            batch: Not used.
            logs: Not used.
        """
        if self._arguments.on_fault is not None or self._is_watched():
            self._diagnose()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Writes the remaining records and the diagnosis, and restores the model.

        Args:
            logs: The logs at the end of training, whose "loss" is looked at.
        """
        if self._session is not None and self._session.is_of(self.params):
            self._session.close(logs)

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state of a copy: arguments and history, but no model."""
        self._settle()
        state = dict(vars(self))
        log_dir = self._arguments.log_dir
        if isinstance(log_dir, SummaryWriter):
            arguments = dict(vars(self._arguments), log_dir=None)
            state["_arguments"] = Arguments(**arguments)
        bound = {"_session": None, "_trained": None, "_model": None, "params": None}
        return (
            state
            | {k: v for k, v in bound.items() if k in state}
            | {"validation_data": None}
        )

    def _begin(self) -> None:
        """Makes the session that records a fit; another model gets a new history."""
        model = self.model
        before = self._session
        is_same = self._trained is not None and self._trained() is model
        if not is_same:
            self._history = History([])
            self._last_verdict, self._next_check = HEALTHY, 1
        self._shown_at = time.monotonic()
        next_step = before.next_step if before is not None and is_same else 0
        self._trained = weakref.ref(model)
        self._session = FitSession(
            model, self.params, self._arguments, self._history, next_step, self
        )

    def _settle(self) -> None:
        """Completes the history, and closes a session whose fit has ended."""
        session = self._session
        if session is None:
            return
        session.settle()
        if not session.fit.is_running():
            session.close()

    def _end(self) -> None:
        if self._session is not None:  # an exception may have ended the fit before
            self._session.close()

    def _is_watched(self) -> bool:
        """Whether somebody may watch in TensorBoard, who has not seen news for long."""
        if self._arguments.log_dir is None:
            return False
        return time.monotonic() - self._shown_at > SECONDS_TO_SHOW

    def _diagnose(self) -> None:
        """Makes the diagnosis if there are enough new records, shows it, and acts."""
        made = self._history.regular
        if made < self._next_check or self._session is None:
            return
        if self._next_check == 1 and self._arguments.on_fault is not None:
            self._warn_of_model()
        # The next diagnosis waits for a tenth more records, so that all diagnoses
        # together cost no more than a few of the whole history.
        self._next_check = made + 1 + made // 10
        diagnosis = self.diagnosis
        if self._is_watched():
            self._session.show(diagnosis)
            self._shown_at = time.monotonic()
        if self._arguments.on_fault is not None:
            self._act_on_fault(diagnosis)

    def _act_on_fault(self, diagnosis: Diagnosis) -> None:
        """Warns, stops or calls the handler if the diagnosis is a new fault."""
        quiet = (HEALTHY, UNDECIDED, self._last_verdict)
        is_new = diagnosis.verdict not in quiet
        self._last_verdict = diagnosis.verdict
        if not is_new:
            return
        if callable(self._arguments.on_fault):
            self._arguments.on_fault(diagnosis)
        else:
            warnings.warn(f"GradientMonitor: {diagnosis}", stacklevel=2)
        if self._arguments.on_fault == "stop":
            self.model.stop_training = True

    def _warn_of_model(self) -> None:
        """Warns of what the first record says against the model and its data."""
        if callable(self._arguments.on_fault):
            return  # it takes faults that have been seen to do harm
        diagnosis = check_model(self.history)
        if diagnosis is not None:
            warnings.warn(f"GradientMonitor: {diagnosis}", stacklevel=2)
