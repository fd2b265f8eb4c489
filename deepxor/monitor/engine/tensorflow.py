"""The engine for TensorFlow: sees a model's training step without changing it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import keras
import tensorflow as tf

from deepxor.compat import (
    has_random_state,
    keep,
    known_variables,
    of_python_function,
    replaced,
    was_traced,
)
from deepxor.monitor.engine.base import (
    ArgumentError,
    Listener,
    StepView,
    UnsupportedStepError,
)
from deepxor.monitor.engine.running_fit import RunningFit
from deepxor.monitor.engine.step_trace import StepTrace
from deepxor.monitor.schedule import Detail

# The attribute in which a model keeps the steps that have been compiled for it.
_COMPILED = "_deepxor_compiled_steps"

# Compiled steps are kept for the latest sets of listeners, up to this many.
MAX_KEPT = 4


class _Steps:
    """Holds the compiled forms of a model's training step for one set of listeners.

    They are kept after a `fit`, together with the recorders whose variables they write
    to.

    Args:
        model: The model.
        count: The number of listeners.

    Attributes:
        is_tracing: Whether the Python code of the step is being traced.
        has_failed: Whether an error has prevented the measurement of the step.
    """

    def __init__(self, model: keras.Model, count: int) -> None:
        self._model = model
        self._functions: dict[tuple[Detail, ...], Callable[..., Any]] = {}
        self._recorders: list[Any] = [None] * count
        self._listeners: Sequence[Listener] = ()
        self._original = model.train_step
        self._watched: dict[tuple[Detail, ...], Callable[..., Any]] = {}
        # Whether one function runs all steps: two functions with stateful random
        # operations would draw different random numbers.
        self._is_single = False
        self._is_checked = False
        self.is_tracing = False
        self.has_failed = False

    @property
    def recorders(self) -> list[Any]:
        """Returns a recorder for each listener; None until a step has been seen."""
        return self._recorders

    @property
    def is_used(self) -> bool:
        """Whether a fit is using these steps."""
        return bool(self._listeners)

    def begin(self, listeners: Sequence[Listener]) -> None:
        """Sets the listeners of a fit, in the order of the recorders."""
        self._listeners = listeners

    def end(self) -> None:
        """Releases the listeners of the fit."""
        self._listeners = ()

    def run(self, details: tuple[Detail, ...], iterator: Any) -> Any:
        """Runs a training call.

        Args:
            details: How much each listener records of the call.
            iterator: The iterator that Keras gives the train function.

        Returns:
            The logs of the call.
        """
        if self._is_single:
            details = next(iter(self._functions))
        if details not in self._watched:
            wrap = functools.partial(self._watch, details)
            self._watched[details] = of_python_function(self._original, wrap)
        # Also during the call, as a custom train function may look up `train_step` only
        # then.
        with replaced(self._model, "train_step", self._watched[details]):
            if details not in self._functions:
                self._functions[details] = self._make_function()
            return self._functions[details](iterator)

    def _make_function(self) -> Callable[..., Any]:
        """Returns a train function that has not been traced yet."""
        model = self._model
        mine = model.train_function
        model.make_train_function(force=True)
        function, model.train_function = model.train_function, mine
        return function

    def _watch(
        self, details: tuple[Detail, ...], python_step: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Returns a training step that is observed and measured."""

        def step(*args: Any, **kwargs: Any) -> Any:
            trace = self._begin_step(args)
            with trace:
                result = python_step(*args, **kwargs)
            self._end_step(trace, details)
            return result

        return step

    def _begin_step(self, args: tuple[Any, ...]) -> StepTrace:
        self.is_tracing = not tf.executing_eagerly()
        is_new = any(recorder is None for recorder in self._recorders)
        return StepTrace(self._model, args, is_new)

    def _end_step(self, trace: StepTrace, details: tuple[Detail, ...]) -> None:
        """Lets the recorders measure; their errors do not reach the step."""
        if trace.error is None:
            try:
                self._observe(trace.view(), details)
            except (ArgumentError, UnsupportedStepError):
                raise
            except Exception as error:
                trace.error = error
        self.is_tracing = False
        if trace.error is not None and not self.has_failed:
            self.has_failed = True
            for listener in self._listeners:
                listener.stop(trace.error)

    def _observe(self, view: StepView, details: tuple[Detail, ...]) -> None:
        if not view.is_eager and not self._is_checked:
            self._is_checked = True
            graph = tf.compat.v1.get_default_graph()
            self._is_single = has_random_state(graph)
        is_conditional = self._is_single or self._model.steps_per_execution > 1
        for number, detail in enumerate(details):
            if self._recorders[number] is None:
                with tf.init_scope():
                    made = self._listeners[number].make_recorder(view)
                self._recorders[number] = made
            detail = Detail.FULL if self._is_single else detail
            self._recorders[number].observe(view, detail, is_conditional)


class _CompiledSteps:
    """Keeps all compiled steps of a model, until the model is compiled again.

    Args:
        bare: Keras's own train function, which is another one after `compile`.
    """

    def __init__(self, bare: Callable[..., Any] | None) -> None:
        self.bare = bare
        self._kept: dict[tuple[Hashable, ...], _Steps] = {}

    @classmethod
    def of(cls, model: keras.Model, bare: Callable[..., Any] | None) -> _CompiledSteps:
        """Returns the compiled steps that a model keeps, new ones if it has none.

        Args:
            model: The model.
            bare: Keras's own train function of the model.
        """
        found = vars(model).get(_COMPILED)
        if not isinstance(found, cls) or found.bare is not bare:
            found = cls(bare)
            keep(model, _COMPILED, found)
        return found

    def for_keys(self, model: keras.Model, keys: tuple[Hashable, ...]) -> _Steps:
        """Returns the compiled steps for listeners with given keys.

        Args:
            model: The model.
            keys: The key of each listener.
        """
        # A call that runs several steps in a loop is compiled in another way.
        full_key = (*keys, model.steps_per_execution > 1)
        steps = self._kept.pop(full_key, None)
        if steps is None or steps.is_used:  # a fit around this one may use them
            steps = _Steps(model, len(keys))
        self._kept[full_key] = steps
        while len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return steps

    def drop(self, steps: _Steps) -> None:
        """Forgets compiled steps that could not be measured or traced."""
        self._kept = {key: x for key, x in self._kept.items() if x is not steps}


class MonitoredTrainFunction:
    """Replaces a model's train function during one `fit` with listeners.

    Between two batches this is the only change to the model, its layers and its
    optimizers. The train function from before is put back at the end.

    Args:
        model: The model.
        params: The `params` that Keras gives the callbacks of this fit.
        fit: The running call of `fit`.

    Attributes:
        original: Keras's own train function.
    """

    def __init__(
        self, model: keras.Model, params: dict[str, Any], fit: RunningFit
    ) -> None:
        self._model = model
        self._params = params
        self._fit = fit
        before = model.train_function
        if isinstance(before, MonitoredTrainFunction):
            self.original: Any = before.original
            # One that an exception has left behind must not be put back at the end.
            self._before = before if before.is_needed() else before.original
        else:
            self.original = self._before = before
        self._listeners: list[Listener] = []
        self._steps: list[_Steps] = []
        self._is_expected = False
        self._is_over = False

    def add(self, listener: Listener) -> None:
        """Adds a listener to the steps of the fit.

        Args:
            listener: A listener of the same fit.
        """
        self._listeners.append(listener)

    def is_of(self, params: dict[str, Any]) -> bool:
        """Whether this is the train function of the fit with these params.

        Args:
            params: The `params` that Keras gives the callbacks of a fit.
        """
        return self._params is params

    def has_changed(self, variables: set[int] | None) -> bool:
        """Whether the model's trainable variables differ from those its step updates.

        Args:
            variables: The ids of the variables that were trainable when the step was
                first seen; None if no step has been seen.
        """
        model = self._model
        if variables is None:
            optimizer = getattr(model, "optimizer", None)
            if (
                optimizer is None
                or not optimizer.built
                or not was_traced(self.original)
            ):
                return False
            mine = {id(variable) for variable in model.variables}
            variables = {id(variable) for variable in known_variables(optimizer)} & mine
        now = {id(variable) for variable in model.trainable_variables}
        return bool(variables) and variables != now

    def is_needed(self) -> bool:
        """Whether its fit is still running."""
        return not self._is_over and self._fit.is_running()

    def expect_call(self) -> None:
        """Announces that the next call belongs to this fit; due before every call."""
        self._is_expected = True

    def end(self) -> None:
        """Gives the model back the train function that it had before."""
        self._is_over = True
        for steps in self._steps:
            steps.end()
        if self._model.train_function is self:
            self._model.train_function = self._before

    def __call__(self, iterator: Any) -> Any:
        """Runs a training call, which the listeners see if it belongs to this fit."""
        is_ours = self._is_expected and self._fit.calls(sys._getframe(1))
        if self._is_over or not is_ours:
            if not self.is_needed():
                self._abandon()
            return self.original(iterator)
        self._is_expected = False
        if not self._steps:
            self._begin()
        (steps,) = self._steps
        details = tuple(listener.before_call() for listener in self._listeners)
        try:
            logs = steps.run(details, iterator)
        except (StopIteration, tf.errors.OutOfRangeError):
            raise  # the end of an epoch
        except (ArgumentError, UnsupportedStepError):
            self.end()
            raise
        except Exception as error:
            if steps.is_tracing and was_traced(self.original):
                # Without a monitor Keras would not trace the step again here.
                self._go_on_unseen(steps)
                for listener in self._listeners:
                    listener.stop(error)
                return self.original(iterator)
            if not steps.is_tracing:
                _name_monitor(error)
            raise
        if steps.has_failed:
            self._go_on_unseen(steps)
            return logs
        for listener, recorder in zip(self._listeners, steps.recorders, strict=True):
            if recorder is not None:
                listener.after_call(recorder, logs)
        return logs

    def _abandon(self) -> None:
        """Tells the listeners of a fit that an exception has ended, and ends this."""
        for listener in self._listeners:
            listener.abandon()
        self.end()

    def _begin(self) -> None:
        """Finds or makes the compiled steps at the first call of the fit."""
        compiled = _CompiledSteps.of(self._model, self.original)
        keys = tuple(listener.key for listener in self._listeners)
        steps = compiled.for_keys(self._model, keys)
        steps.begin(self._listeners)
        self._steps.append(steps)
        for listener, recorder in zip(self._listeners, steps.recorders, strict=True):
            listener.begin(recorder)

    def _go_on_unseen(self, steps: _Steps) -> None:
        """Leaves the rest of the fit to Keras's own train function."""
        _CompiledSteps.of(self._model, self.original).drop(steps)
        self.end()


def _name_monitor(error: Exception) -> None:
    """Adds a note to an error that a monitor was measuring the step."""
    if hasattr(error, "add_note"):  # from Python 3.11 on
        error.add_note("A GradientMonitor was measuring this training step.")


class TensorFlowEngine:
    """Sees training steps by replacing a model's train function."""

    def attach(
        self,
        model: keras.Model,
        params: dict[str, Any],
        fit: RunningFit,
        listener: Listener,
    ) -> MonitoredTrainFunction:
        """Attaches one more listener to the steps of a fit.

        Args:
            model: The model that is trained.
            params: The `params` that Keras gives the callbacks; they identify the fit.
            fit: The running call of `fit`.
            listener: The listener to tell about the steps.

        Returns:
            The train function that all listeners of this fit share.
        """
        function = model.train_function
        if not isinstance(function, MonitoredTrainFunction) or not function.is_of(
            params
        ):
            function = MonitoredTrainFunction(model, params, fit)
            model.train_function = function
        function.add(listener)
        return function


ENGINE = TensorFlowEngine()
