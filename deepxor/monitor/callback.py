"""GradientMonitor: the gradients that train a Keras model, as they train it."""

from __future__ import annotations

import os
import warnings
import weakref
from typing import Any

import keras

from deepxor.diagnosis.diagnosis import Diagnosis, diagnose
from deepxor.events.writer import SummaryWriter
from deepxor.monitor.arguments import Arguments, FaultHandler, check
from deepxor.monitor.engine.base import engine
from deepxor.monitor.history import History
from deepxor.monitor.session import FitSession
from deepxor.verdicts import HEALTHY, UNDECIDED


class GradientMonitor(keras.callbacks.Callback):
    """Records what the gradients of every layer are while `fit` trains a model.

    It sees what the optimizers are given while a training step runs, so it sees the
    very gradients that update the weights, before clipping, inside the compiled step:
    no second backward pass, and the weights after training are bit for bit what they
    are without it. Steps between two records run in a function of their own, compiled
    without what a record takes.

    Steps count from 0, or from the optimizer's own count: a step is a call of the train
    step that succeeded. Steps 0, `every`, 2 `every` ... are records. The first step
    with a gradient that is not finite is noticed in between, too.

    In TensorBoard: `cost`, `global_gradient_norm_log10`, `skill`, and for every layer
    the charts of `deepxor.quantities`, such as `gradient_norm_log10/<layer>`. At the
    end the diagnosis as text, and in the folder as diagnosis.json.

    If something of the monitor's own fails, it warns, and training goes on.

    Args:
        log_dir: Where event files go, or a writer that is open already, which is then
            shared and left open; None keeps the history in memory only, which is
            bounded: a long one gets sparser in its older half.
        every: Steps from one record to the next. None: 1 in a `fit` of up to 100 steps,
            10 up to 1,000, 100 in a longer one or one of unknown length.
        layers: A regular expression; only layers in whose name it is found are kept.
            None: all.
        histograms: Every how many records a histogram of log10 of each layer's gradient
            elements is written as `gradient_log10_histogram/<layer>`; 0: never.
        sample: Samples from whose activations the fractions of dead and of saturated
            units are taken, and from whose predictions the skill; 0: none, and no
            "time_ratio" either.
        on_fault: What happens when the diagnosis, which is then made again and again
            during training, is a fault it was not before: "warn", "stop" or a function
            of a `Diagnosis`. None: nothing.

    Raises:
        ValueError: If an argument is not allowed.
        RuntimeError: If Keras runs on a backend whose steps cannot be seen.

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
        self._next_check = 2

    @property
    def every(self) -> int:
        """Steps from one record to the next; of no fit yet, 0 for what fits the fit."""
        if self._session is not None:
            return self._session.every
        return self._arguments.every or 0

    @property
    def history(self) -> dict[str, Any]:
        """What was recorded, as a mapping.

        "step" is int64 [records]; "layer" a list of names in forward order. float32
        [records, layers] each are the quantities of `deepxor.quantities`; docs/
        monitor.md says of each what it is. NaN is what was not measured, or not seen.
        "global_norm", float32 [records], is the L2 norm over all layers, also those not
        chosen; "loss", float64 [records], that of the batch, known where "loss_seen",
        bool [records], says so; "skill", float64 [records], that of its predictions
        (see `skill.skill`), now and then; with steps_per_execution both are those of
        the call's last step. "samples", int64 [records], is over how many samples
        activations and predictions were looked at. "first_bad" is None, or the step of
        the first gradient that was not finite and the layer nearest to the output that
        had it. "notes" says, by quantity, what is not known and why.
        """
        self._settle()
        return self._history.as_dict()

    @property
    def diagnosis(self) -> Diagnosis:
        """What the history says about the training so far."""
        return diagnose(self.history)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Makes the session of a fit."""
        session = self._session
        if session is not None and session.is_of(self.params):
            return  # it stands twice among the callbacks
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
        """Says which training call comes next."""
        if self._session is not None:
            self._session.expect_call()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Acts on a fault, where `on_fault` says so."""
        if self._arguments.on_fault is not None:
            self._act_on_fault()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Writes and diagnoses all there is, and leaves the model as it was."""
        if self._session is not None and self._session.is_of(self.params):
            self._session.close(logs)

    def __getstate__(self) -> dict[str, Any]:
        """Returns what a copy has: arguments and history, nothing of a model."""
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
        """Begins to record a fit."""
        model = self.model
        before = self._session
        is_same = self._trained is not None and self._trained() is model
        if not is_same:
            self._history = History([])
            self._last_verdict, self._next_check = HEALTHY, 2
        next_step = before.next_step if before is not None and is_same else 0
        self._trained = weakref.ref(model)
        self._session = FitSession(
            model, self.params, self._arguments, self._history, next_step, self
        )

    def _settle(self) -> None:
        """Sees to it that the history has all; ends a session whose fit has ended."""
        session = self._session
        if session is None:
            return
        session.settle()
        if not session.fit.is_running():
            session.close()

    def _end(self) -> None:
        if self._session is not None:  # an exception cut the fit before short
            self._session.close()

    def _act_on_fault(self) -> None:
        """Makes the diagnosis now and then, and acts if it has become a fault."""
        if self._history.made < self._next_check:
            return
        # Each time a tenth more records: in all, no more work than a few diagnoses.
        self._next_check = self._history.made + 1 + self._history.made // 10
        diagnosis = self.diagnosis
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
