"""Observes one training step while its Python code runs under TensorFlow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from deepxor import compat
from deepxor.monitor.engine import hooks
from deepxor.monitor.engine.base import (
    ActivationCall,
    Application,
    LayerCall,
    OutputView,
    StepView,
    UnsupportedStepError,
)
from deepxor.monitor.engine.outputs import outputs_of
from deepxor.monitor.layers import CallLog, is_container
from deepxor.monitor.measure.activations import (
    INVERSES_OF_OPERATIONS,
    inverse_of,
    is_elementwise,
)
from deepxor.monitor.measure.gradients import variable_sums
from deepxor.monitor.measure.tracing import step_variable

T = TypeVar("T")


class StepTrace:
    """Observes a training step: a context manager to be entered in the step's thread.

    Args:
        model: The compiled model.
        args: The arguments of the step, which include the batch.
        keeps_weights: Whether to keep the values that the weights have before an eager
            step.

    Attributes:
        error: The first error of the observation itself, after which nothing more is
            observed; None if there was none.
    """

    def __init__(
        self, model: keras.Model, args: tuple[Any, ...], keeps_weights: bool
    ) -> None:
        self.error: Exception | None = None
        self._model = model
        self._data = next(iter(_tensors(args)), None)
        self._is_eager = tf.executing_eagerly()
        self._graph = tf.compat.v1.get_default_graph()
        self._keeps_weights = keeps_weights and self._is_eager
        self._weights: dict[int, Any] = {}
        self._applications: list[Application] = []
        self._hidden: dict[int, Any] = {}
        self._scaled_loss: Any = None
        self._computed_loss: Any = None
        self._outputs: list[OutputView] = []
        self._layer_calls: list[LayerCall] = []
        self._activations: list[ActivationCall] = []
        self._sequences: dict[int, tuple[keras.layers.RNN, list[Any]]] = {}
        self._calls = CallLog(_parents)
        self._outer_optimizer: Any = None
        self._patched: set[int] = set()
        self._patches = contextlib.ExitStack()

    def __enter__(self) -> StepTrace:
        self._patches.enter_context(hooks.listening(self))
        compute_loss = self._model.compute_loss

        def seen_compute_loss(*args: Any, **kwargs: Any) -> Any:
            loss = compute_loss(*args, **kwargs)
            self._attempt(self._take_loss, loss, args, kwargs)
            return loss

        self._patches.enter_context(
            compat.replaced(self._model, "compute_loss", seen_compute_loss)
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._patches.close()

    def view(self) -> StepView:
        """Returns what has been seen, as far as code that runs here can use it."""
        losses = [self._scaled_loss, self._computed_loss]
        return StepView(
            model=self._model,
            data=self._data,
            applications=self._applications,
            hidden_sums=self._hidden,
            loss=next((x for x in losses if x is not None and is_reachable(x)), None),
            outputs=[
                output
                for output in self._outputs
                if all(map(is_reachable, output.tensors))
            ],
            layer_calls=[
                call
                for call in self._layer_calls
                if is_reachable(call.outputs) and all(map(is_reachable, call.inputs))
            ],
            activations=[
                call for call in self._activations if is_reachable(call.outputs)
            ],
            sequences=[
                (layer, tensors)
                for layer, tensors in self._sequences.values()
                if all(map(is_reachable, tensors))
            ],
            calls=self._calls,
            weights=self._weights,
            is_compiled=bool(self._model.jit_compile) and not self._is_eager,
            is_eager=self._is_eager,
        )

    def on_call(
        self, layer: keras.layers.Layer, call: Callable[[], Any], inputs: Any
    ) -> Any:
        """Calls a layer, logs the call and observes the layer's activation.

        Args:
            layer: The layer.
            call: A function without arguments that calls the layer.
            inputs: The arguments of the call, a nested structure.

        Returns:
            The result of the call.
        """
        self._attempt(self._watch_inside, layer)
        self._attempt(self._calls.begin, layer)
        outputs = call()
        self._attempt(self._calls.end, layer, inputs, outputs)
        self._attempt(self._take_layer_call, layer, inputs, outputs)
        return outputs

    def on_scale_loss(self, loss: Any) -> None:
        """Keeps the loss that an optimizer is about to scale.

        Args:
            loss: The unscaled loss.
        """
        self._scaled_loss = loss

    def on_apply(
        self,
        optimizer: keras.optimizers.Optimizer,
        apply: Callable[..., Any],
        gradients: Any,
        variables: Any,
    ) -> Any:
        """Keeps the gradients that an optimizer is given, and calls its `apply`.

        Args:
            optimizer: The optimizer.
            apply: The original `apply` method.
            gradients: The gradients that the optimizer is given.
            variables: The variables to update; None for all that the optimizer was
                built for.

        Returns:
            The result of `apply`.

        Raises:
            UnsupportedStepError: If the step trains values that a
                `keras.StatelessScope` holds, and no variables.
        """
        if tf.is_symbolic_tensor(optimizer.variables[0].value):
            raise UnsupportedStepError(
                f"{type(self._model).__name__} trains in a keras.StatelessScope, where "
                "nothing that a GradientMonitor keeps would last: for a network of "
                "deepxor's lab use deepxor.xor.monitor.callback.ReplicaMonitor"
            )
        if self._outer_optimizer is not None:  # inside a LossScaleOptimizer's `apply`
            return apply(optimizer, gradients, variables)
        gradients = list(gradients)
        variables = None if variables is None else list(variables)
        self._attempt(self._keep_weights, variables)
        may_skip = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        scale = self._attempt(_scale, optimizer)
        self._outer_optimizer = optimizer if may_skip else None
        try:
            result = apply(optimizer, gradients, variables)
        finally:
            self._outer_optimizer = None
        known = compat.known_variables(optimizer) if variables is None else variables
        application = Application(optimizer, known, gradients, scale, may_skip)
        self._attempt(self._take, application)
        return result

    def _attempt(self, act: Callable[..., T], *args: Any) -> T | None:
        """Calls a function of the monitor; if it fails, keeps the error, returns None.

        The error must not end the tracing of the step: variables that the trace has
        made would be left without a value.
        """
        if self.error is None:
            try:
                return act(*args)
            except Exception as error:
                self.error = error
        return None

    def _take_loss(self, loss: Any, args: Any, kwargs: Any) -> None:
        names = ("x", "y", "y_pred", "sample_weight")
        named = dict(zip(names, args, strict=False)) | kwargs
        self._outputs = outputs_of(
            self._model, named.get("y"), named.get("y_pred"), named.get("sample_weight")
        )
        self._computed_loss = loss

    def _take_layer_call(
        self, layer: keras.layers.Layer, inputs: Any, outputs: Any
    ) -> None:
        if is_container(layer) or not layer.weights or not tf.is_tensor(outputs):
            return
        arguments, _ = inputs
        first = _tensors(arguments[:1])
        self._layer_calls.append(LayerCall(layer, first, outputs))

    def _keep_weights(self, variables: Sequence[keras.Variable] | None) -> None:
        if self._keeps_weights:
            for variable in variables or self._model.trainable_variables:
                value = tf.identity(variable.value)
                self._weights.setdefault(id(variable), value)

    def _take(self, application: Application) -> None:
        known = [g for g in application.gradients if g is not None]
        if self._is_eager or tf.compat.v1.get_default_graph() is self._graph:
            self._applications.append(application)
        elif known:
            # This is inside a branch or a loop, out of which only variables carry
            # values.
            for variable, gradient in zip(
                application.variables, application.gradients, strict=True
            ):
                if gradient is not None:
                    sums = variable_sums(gradient, variable, application.scale)
                    self._hidden[id(variable)] = _carried(sums)

    def _watch_inside(self, layer: keras.layers.Layer) -> None:
        """Replaces a layer's activation, or a recurrent layer's call, by a tap."""
        if id(layer) in self._patched or is_container(layer):
            return
        self._patched.add(id(layer))
        if isinstance(layer, keras.layers.RNN):
            self._replace(layer, "call", self._sequence_tap(layer))
        elif hasattr(layer, "state_size"):
            return  # a recurrent cell, which runs inside a loop
        elif compat.is_activation_layer(layer) and not hasattr(layer, "activation"):
            if not isinstance(layer, keras.layers.Softmax):
                self._replace(layer, "call", self._tap(layer, layer.call, layer))
        else:
            activation: Any = getattr(layer, "activation", None)
            if is_elementwise(activation) and not (
                isinstance(activation, keras.layers.Layer)
                and compat.is_activation_layer(activation)
            ):
                tap = self._tap(layer, activation, activation)
                self._replace(layer, "activation", tap)

    def _take_sequences(
        self, layer: keras.layers.RNN, sequences: Any, kwargs: dict[str, Any]
    ) -> None:
        mask = kwargs.get("mask")
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        known = [sequences] if mask is None else [sequences, mask]
        self._sequences[id(layer)] = (layer, _all_tensors(known))

    def _replace(self, layer: keras.layers.Layer, name: str, value: Any) -> None:
        self._patches.enter_context(compat.replaced(layer, name, value))

    def _tap(
        self, layer: keras.layers.Layer, function: Callable[..., Any], known: Any
    ) -> Callable[..., Any]:
        """Returns a function that calls an activation and keeps what it saw."""

        def tap(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            outputs = function(inputs, *args, **kwargs)
            self._attempt(self._take_activation, layer, known, inputs, outputs)
            return outputs

        return tap

    def _take_activation(
        self, layer: keras.layers.Layer, known: Any, inputs: Any, outputs: Any
    ) -> None:
        """Keeps the pre-activations, or outputs from which they can be computed.

        TensorFlow fuses a matrix product, its bias and some activations into one
        operation, but not if anything else reads the values in between. Without the
        fusion the results are rounded differently.
        """
        kept, inverse = inputs, None
        if tf.is_symbolic_tensor(inputs):
            consumers = inputs.consumers()
            if len(consumers) == 1 and consumers[0].type in INVERSES_OF_OPERATIONS:
                kept = consumers[0].outputs[0]
                inverse = INVERSES_OF_OPERATIONS[consumers[0].type]
        call = ActivationCall(layer, known, kept, inverse, outputs)
        self._activations.append(call)

    def _sequence_tap(self, layer: keras.layers.RNN) -> Callable[..., Any]:
        call = layer.call
        activation: Any = getattr(layer, "activation", None)
        # The outputs of a `SimpleRNN` are those of its activation.
        is_simple = isinstance(layer, keras.layers.SimpleRNN)
        inverse = inverse_of(activation) if is_simple else None

        def tap(sequences: Any, *args: Any, **kwargs: Any) -> Any:
            self._attempt(self._take_sequences, layer, sequences, kwargs)
            outputs = call(sequences, *args, **kwargs)
            if inverse is not None:
                # The layer may return its state, too.
                first = outputs[0] if isinstance(outputs, tuple | list) else outputs
                seen = ActivationCall(layer, activation, first, inverse, first)
                self._activations.append(seen)
            return outputs

        return tap


def _scale(optimizer: keras.optimizers.Optimizer) -> Any:
    """Returns the factor by which the gradients that an optimizer gets are scaled."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        if not optimizer.built:
            return optimizer.initial_scale
        return tf.convert_to_tensor(optimizer.dynamic_scale)
    return optimizer.loss_scale_factor


def _carried(sums: tf.Tensor) -> tf.Variable:
    """Returns a variable that carries sums out of a branch; NaN until that is run."""
    variable = step_variable(np.full(sums.shape, np.nan), sums.dtype)
    variable.assign(sums)
    return variable


def _parents(tensor: Any) -> list[Any]:
    """Returns the tensors that a tensor was computed from; none for an eager one."""
    return list(tensor.op.inputs) if hasattr(tensor, "op") else []


def _tensors(nested: Any) -> list[tf.Tensor]:
    return [x for x in tf.nest.flatten(nested) if isinstance(x, tf.Tensor)]


def _all_tensors(values: list[Any]) -> list[tf.Tensor]:
    """Returns the values if all are plain tensors, none sparse or ragged; else none."""
    return values if all(isinstance(value, tf.Tensor) for value in values) else []


def is_reachable(tensor: Any) -> bool:
    """Whether code that runs here can use a tensor.

    It can use an eager tensor and, inside a graph, a tensor of that graph or of a graph
    around it.

    Args:
        tensor: The tensor; anything else is not reachable.
    """
    if not tf.is_tensor(tensor):
        return False
    if tf.executing_eagerly():
        return not tf.is_symbolic_tensor(tensor)
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if not tf.is_symbolic_tensor(tensor) or tensor.graph is graph:
            return True
        graph = getattr(graph, "outer_graph", None)
    return False
