"""The interface between a backend's training step and the measurements of it.

There is one engine, in one file, for each backend. An engine sees the steps of a
model's `fit` and hands what it saw to listeners, which do not depend on how the engine
works.
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

# The backends of Keras whose training step can be seen. Each has a module whose
# `ENGINE` is an `Engine`.
ENGINES = {"tensorflow": "deepxor.monitor.engine.tensorflow"}


@dataclass(frozen=True)
class Application:
    """Holds the gradients that an optimizer was given in a step.

    Attributes:
        optimizer: The optimizer.
        variables: The variables that the optimizer updates.
        gradients: One gradient for each variable: a tensor, sparse or not, or None if
            the loss does not depend on the variable. They are scaled, as the optimizer
            gets them.
        scale: The factor to divide the gradients by; None if they are not scaled.
        may_skip: Whether the optimizer skips steps whose gradients are not finite.
    """

    optimizer: keras.optimizers.Optimizer
    variables: Sequence[keras.Variable]
    gradients: Sequence[Any]
    scale: Any
    may_skip: bool


@dataclass(frozen=True)
class ActivationCall:
    """Holds the inputs and the outputs of one call of an activation.

    Attributes:
        layer: The layer that the activation belongs to.
        function: The activation, an elementwise function or layer.
        kept: The pre-activations, or a tensor that `inverse` maps to them.
        inverse: Maps `kept` to the pre-activations, or to values at which the
            activation has the same slope; None if `kept` are the pre-activations.
        outputs: The activations.
    """

    layer: keras.layers.Layer
    function: Callable[[Any], Any]
    kept: Any
    inverse: Callable[[Any], Any] | None
    outputs: Any


@dataclass(frozen=True)
class OutputView:
    """Holds what a step's loss was computed from, for one output of the model.

    Attributes:
        name: The name of the output.
        loss: The loss that the model was compiled with for this output: a name, a
            function or a Keras loss; None without one.
        targets: The targets, [batch, ...].
        predictions: The predictions, [batch, ...].
        weights: The sample weights and the mask of the predictions, [batch, ...] each,
            as far as there are any.
    """

    name: str
    loss: Any
    targets: Any
    predictions: Any
    weights: Sequence[Any] = ()

    @property
    def tensors(self) -> list[Any]:
        """Returns all tensors: targets, predictions and weights."""
        return [self.targets, self.predictions, *self.weights]


@dataclass(frozen=True)
class LayerCall:
    """Holds one call of a layer that has weights.

    Attributes:
        layer: The layer.
        inputs: The tensors of its first argument.
        outputs: The tensor that it returned.
    """

    layer: keras.layers.Layer
    inputs: Sequence[Any]
    outputs: Any


@dataclass(frozen=True)
class StepView:
    """Holds what a training step has worked with, as seen at the end of the step.

    Attributes:
        model: The model that is trained.
        data: A tensor of the batch; None if there is none.
        applications: The gradients that optimizers were given, in the order of the
            calls. If a variable occurs several times, the last gradient counts.
        hidden_sums: Maps the id of a variable whose gradient was applied in a branch or
            a loop, out of reach, to a variable with the sums over that gradient, see
            `measure.gradients.variable_sums`.
        loss: The unscaled loss, a scalar; None if it was not seen.
        outputs: The outputs that the loss was computed from; empty if none was seen.
        layer_calls: The calls of layers that have weights, in their order.
        activations: The calls of activations, in their order.
        sequences: The inputs of recurrent layers: for each the layer, and a list of the
            sequences and, if there is one, the mask.
        calls: The log of the calls of layers.
        weights: Maps the id of a variable to its value before the step, if the step
            runs eagerly and a listener has no recorder yet; otherwise empty.
        is_compiled: Whether XLA compiles the step.
        is_eager: Whether the step runs eagerly.
    """

    model: keras.Model
    data: Any
    applications: Sequence[Application]
    hidden_sums: dict[int, Any]
    loss: Any
    outputs: Sequence[OutputView]
    layer_calls: Sequence[LayerCall]
    activations: Sequence[ActivationCall]
    sequences: Sequence[tuple[keras.layers.RNN, Sequence[Any]]]
    calls: CallLog
    weights: dict[int, Any]
    is_compiled: bool
    is_eager: bool


class Recorder(Protocol):
    """Measures steps; it is kept together with the compiled steps that contain it."""

    def start(self, step: int, every: int) -> None:
        """Resets the state before the first step of a fit.

        Args:
            step: The number of the step to come.
            every: The number of steps from one record to the next.
        """

    def observe(self, view: StepView, detail: Detail, is_conditional: bool) -> None:
        """Measures a step from inside, while it is being traced or run eagerly.

        Args:
            view: The tensors and variables that the step worked with.
            detail: How much to record.
            is_conditional: Whether the step itself decides, by its number, if it is a
                record.
        """


class Listener(Protocol):
    """Gets told by an engine about the steps of one fit."""

    @property
    def key(self) -> Hashable:
        """Returns what identifies the listener's part of a compiled step.

        Listeners of equal keys share compiled steps, and with them a recorder.
        """

    def make_recorder(self, view: StepView) -> Any:
        """Returns a `Recorder` for the model, once its first step has been seen.

        Args:
            view: The view of that step.
        """

    def begin(self, recorder: Any | None) -> None:
        """Prepares for the first step, after all callbacks have begun.

        Args:
            recorder: The recorder of an earlier fit with an equal key; None if there is
                none.
        """

    def before_call(self) -> Detail:
        """Returns how much the coming call has to record."""

    def after_call(self, recorder: Any, logs: dict[str, Any]) -> None:
        """Takes note of a call that has succeeded.

        Args:
            recorder: The `Recorder` of the call.
            logs: The logs that the call returned.
        """

    def stop(self, error: Exception) -> None:
        """Takes note that the step cannot be seen, and that training goes on unseen.

        Args:
            error: The error that is the reason.
        """

    def abandon(self) -> None:
        """Takes note that this fit has ended, as another call trains the model now."""


class ArgumentError(ValueError):
    """Signals an argument that fits no layer of the model; it ends the fit."""


class UnsupportedStepError(TypeError):
    """Signals a training step in which nothing that a monitor keeps would last."""


class Attachment(Protocol):
    """Connects a listener to the steps of one fit."""

    def expect_call(self) -> None:
        """Announces that the next call belongs to this fit; due before every call."""

    def has_changed(self, variables: set[int] | None) -> bool:
        """Whether the model's trainable variables differ from those its step updates.

        Args:
            variables: The ids of the variables that were trainable when the step was
                first seen; None if no step has been seen.
        """

    def end(self) -> None:
        """Detaches from the model, and restores what was there before."""


class Engine(Protocol):
    """Makes the training steps of a backend visible to listeners."""

    def attach(
        self,
        model: keras.Model,
        params: dict[str, Any],
        fit: RunningFit,
        listener: Listener,
    ) -> Attachment:
        """Attaches one more listener to the steps of a fit.

        Args:
            model: The model that is trained.
            params: The `params` that Keras gives the callbacks; they identify the fit.
            fit: The running call of `fit`.
            listener: The listener to tell about the steps.
        """


def engine() -> Engine:
    """Returns the engine of the backend that Keras runs on.

    Raises:
        RuntimeError: If there is no engine for the backend.
    """
    backend = keras.backend.backend()
    if backend not in ENGINES:
        raise RuntimeError(
            f"GradientMonitor needs Keras on {' or '.join(ENGINES)}. Received: the "
            f"backend {backend}"
        )
    return importlib.import_module(ENGINES[backend]).ENGINE
