"""The seam between what a backend's training step does and what is measured of it.

An engine is one file a backend. It sees the steps of a model's `fit` and hands what it
saw to listeners, which know nothing of how it did.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras

from deepxor.monitor.engine.running_fit import RunningFit
from deepxor.monitor.layers import CallLog
from deepxor.monitor.schedule import Detail

# The backends of Keras whose training step can be seen: each has a module with an
# `Engine`.
ENGINES = {"tensorflow": "deepxor.monitor.engine.tensorflow"}


@dataclass(frozen=True)
class Application:
    """What an optimizer was given in a step.

    Attributes:
        optimizer: The optimizer.
        variables: Those that it updates.
        gradients: One a variable: a tensor, sparse or not, or None where the loss does
            not depend on the variable. Scaled, as the optimizer gets it.
        scale: What to divide them by; None for nothing.
        may_skip: Whether the optimizer leaves out steps whose gradients are not finite.
    """

    optimizer: keras.optimizers.Optimizer
    variables: Sequence[keras.Variable]
    gradients: Sequence[Any]
    scale: Any
    may_skip: bool


@dataclass(frozen=True)
class ActivationCall:
    """What one call of an activation got, and made.

    Attributes:
        layer: Whose activation it is.
        function: Elementwise.
        kept: The pre-activations, or what they can be had from.
        inverse: Makes pre-activations, or others of the same slope, of what was kept;
            None where those were.
        outputs: The activations.
    """

    layer: keras.layers.Layer
    function: Callable[[Any], Any]
    kept: Any
    inverse: Callable[[Any], Any] | None
    outputs: Any


@dataclass(frozen=True)
class StepView:
    """What a training step has worked with, at its end.

    Attributes:
        model: What is trained.
        data: A tensor of the batch.
        applications: Of all optimizers, in their order; of several to a variable the
            last counts.
        hidden_sums: Of applications out of reach: a variable -> what `Listener`s get
            for its gradient, see `measure.gradients.variable_sums`.
        loss: Scalar, unscaled; None if it was not seen.
        pair: Targets and predictions; empty if they were not seen, or if there are
            several of them.
        activations: In the order of the calls.
        sequences: What a recurrent layer got: the layer, the sequences and, if there is
            one, the mask.
        calls: Which layers were called.
        weights: A variable's id -> its value before the step, where the step runs
            eagerly and the listener is new; otherwise empty.
        is_compiled: Whether XLA compiles the step.
        is_eager: Whether the step runs as Python.
    """

    model: keras.Model
    data: Any
    applications: Sequence[Application]
    hidden_sums: dict[int, Any]
    loss: Any
    pair: Sequence[Any]
    activations: Sequence[ActivationCall]
    sequences: Sequence[tuple[keras.layers.RNN, Sequence[Any]]]
    calls: CallLog
    weights: dict[int, Any]
    is_compiled: bool
    is_eager: bool


class Recorder(Protocol):
    """What measures steps; made once for each compiled form, and kept with it."""

    def start(self, step: int, every: int) -> None:
        """Begins anew, before the first step of a fit.

        Args:
            step: The number of the step to come.
            every: Steps from one record to the next.
        """

    def observe(self, view: StepView, detail: Detail, is_conditional: bool) -> None:
        """Adds to the step being traced, or run eagerly, what measures it.

        Args:
            view: What the step worked with.
            detail: How much to record.
            is_conditional: Whether only those steps are records that are due.
        """


class Listener(Protocol):
    """Whom an engine tells of the steps of one fit."""

    @property
    def key(self) -> Hashable:
        """What of it is compiled into a step; those of equal keys share a recorder."""

    def make_recorder(self, view: StepView) -> Any:
        """Returns a `Recorder` for a model whose first step has been seen."""

    def begin(self, recorder: Any | None) -> None:
        """Is called before the first step, once all callbacks have begun.

        Args:
            recorder: Of an earlier fit; None if there is none.
        """

    def before_call(self) -> Detail:
        """Returns how much the call to come is to record."""

    def after_call(self, recorder: Any, logs: dict[str, Any]) -> None:
        """Is called once a call has succeeded.

        Args:
            recorder: The `Recorder`.
            logs: As the call returns them.
        """

    def stop(self, error: Exception) -> None:
        """Is called where the step cannot be seen, and goes on unseen.

        Args:
            error: Why.
        """

    def abandon(self) -> None:
        """Is called where another fit goes on with the model: this one has ended."""


class ArgumentError(ValueError):
    """An argument that fits no layer of the model: it ends the fit."""


class UnsupportedStepError(TypeError):
    """A training step in which nothing that a monitor keeps would last."""


class Attachment(Protocol):
    """What lets a listener see the steps of one fit."""

    def expect_call(self) -> None:
        """Says that the next step is one of this fit; to be called before every one."""

    def has_changed(self, variables: set[int] | None) -> bool:
        """Whether the model's trainable variables are others than its step updates.

        Args:
            variables: The ids of those that were trainable when the step was first
                seen; None if it has not been.
        """

    def end(self) -> None:
        """Puts everything back as it was."""


class Engine(Protocol):
    """How the training steps of a backend are seen."""

    def attach(
        self,
        model: keras.Model,
        params: dict[str, Any],
        fit: RunningFit,
        listener: Listener,
    ) -> Attachment:
        """Lets one listener more see the steps of a fit.

        Args:
            model: The model that is fitted.
            params: Those that Keras gives the callbacks; they say whose fit this is.
            fit: The call of `fit`.
            listener: Whom to tell.
        """


def engine() -> Engine:
    """Returns the engine of the backend that Keras runs on.

    Raises:
        RuntimeError: If there is none.
    """
    backend = keras.backend.backend()
    if backend not in ENGINES:
        raise RuntimeError(
            f"GradientMonitor needs Keras on {' or '.join(ENGINES)}. Received: the "
            f"backend {backend}"
        )
    return importlib.import_module(ENGINES[backend]).ENGINE
