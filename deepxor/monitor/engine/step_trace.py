"""What is seen of one training step, while its Python runs under TensorFlow."""

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
    StepView,
    UnsupportedStepError,
)
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
    """Sees a training step, in whose thread it is entered, until it is left.

    Args:
        model: Compiled.
        args: The step's, the batch among them.
        keeps_weights: Whether to keep the weights from before an eager step.

    Attributes:
        error: The first of our own, after which nothing more is seen; None so far.
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
        self._pair: list[Any] = []
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
        """Returns what has been seen, as far as it can be reached from here."""
        losses = [self._scaled_loss, self._computed_loss]
        return StepView(
            model=self._model,
            data=self._data,
            applications=self._applications,
            hidden_sums=self._hidden,
            loss=next((x for x in losses if x is not None and is_reachable(x)), None),
            pair=self._pair if all(map(is_reachable, self._pair)) else [],
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
        """Calls a layer, and sees what of it is to be seen.

        Args:
            layer: The layer.
            call: Calls it.
            inputs: Its arguments.
        """
        self._attempt(self._watch_inside, layer)
        self._attempt(self._calls.begin, layer)
        outputs = call()
        self._attempt(self._calls.end, layer, inputs, outputs)
        return outputs

    def on_scale_loss(self, loss: Any) -> None:
        """Sees the loss before it is scaled.

        Args:
            loss: The loss.
        """
        self._scaled_loss = loss

    def on_apply(
        self,
        optimizer: keras.optimizers.Optimizer,
        apply: Callable[..., Any],
        gradients: Any,
        variables: Any,
    ) -> Any:
        """Sees what an optimizer is given, and lets it go on.

        Args:
            optimizer: The optimizer.
            apply: Its own `apply`.
            gradients: What it is given.
            variables: Those to update; None for all that it was built for.

        Raises:
            UnsupportedStepError: If the step trains values, and no variables.
        """
        if tf.is_symbolic_tensor(optimizer.variables[0].value):
            raise UnsupportedStepError(
                f"{type(self._model).__name__} trains in a keras.StatelessScope, where "
                "nothing that a GradientMonitor keeps would last: for a network of "
                "deepxor's lab use deepxor.xor.monitor.callback.ReplicaMonitor"
            )
        if self._outer_optimizer is not None:  # the inner one of a LossScaleOptimizer
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
        """Returns what a function of ours returns; keeps its error, if it fails.

        An error must not leave a trace: what it has made would stay without a value.
        """
        if self.error is None:
            try:
                return act(*args)
            except Exception as error:
                self.error = error
        return None

    def _take_loss(self, loss: Any, args: Any, kwargs: Any) -> None:
        named = dict(zip(("x", "y", "y_pred"), args, strict=False)) | kwargs
        self._pair = _all_tensors([named.get("y"), named.get("y_pred")])
        self._computed_loss = loss

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
            # In a branch or a loop: only variables lead out of it.
            for variable, gradient in zip(
                application.variables, application.gradients, strict=True
            ):
                if gradient is not None:
                    sums = variable_sums(gradient, variable, application.scale)
                    self._hidden[id(variable)] = _carried(sums)

    def _watch_inside(self, layer: keras.layers.Layer) -> None:
        """Puts in place what sees a layer's activation and its sequences."""
        if id(layer) in self._patched or is_container(layer):
            return
        self._patched.add(id(layer))
        if isinstance(layer, keras.layers.RNN):
            self._replace(layer, "call", self._sequence_tap(layer))
        elif hasattr(layer, "state_size"):
            return  # a cell, which works inside a loop
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
        """Returns what stands in for an activation."""

        def tap(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            outputs = function(inputs, *args, **kwargs)
            self._attempt(self._take_activation, layer, known, inputs, outputs)
            return outputs

        return tap

    def _take_activation(
        self, layer: keras.layers.Layer, known: Any, inputs: Any, outputs: Any
    ) -> None:
        """Keeps the pre-activations, or what they can be had from.

        TensorFlow computes a matrix product, its bias and some activations as one
        operation, but not if somebody looks at what is in between, and rounds
        otherwise.
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
        # Its outputs are an activation's, if it is a simple one.
        is_simple = isinstance(layer, keras.layers.SimpleRNN)
        inverse = inverse_of(activation) if is_simple else None

        def tap(sequences: Any, *args: Any, **kwargs: Any) -> Any:
            self._attempt(self._take_sequences, layer, sequences, kwargs)
            outputs = call(sequences, *args, **kwargs)
            if inverse is not None:
                # It may return its state, too.
                first = outputs[0] if isinstance(outputs, tuple | list) else outputs
                seen = ActivationCall(layer, activation, first, inverse, first)
                self._activations.append(seen)
            return outputs

        return tap


def _scale(optimizer: keras.optimizers.Optimizer) -> Any:
    """Returns what the gradients that an optimizer gets are scaled by, before it."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        if not optimizer.built:
            return optimizer.initial_scale
        return tf.convert_to_tensor(optimizer.dynamic_scale)
    return optimizer.loss_scale_factor


def _carried(sums: tf.Tensor) -> tf.Variable:
    """Returns a variable that takes sums out of a branch; NaN until it is run."""
    variable = step_variable(np.full(sums.shape, np.nan), sums.dtype)
    variable.assign(sums)
    return variable


def _parents(tensor: Any) -> list[Any]:
    """Returns what a tensor of a graph was computed from."""
    return list(tensor.op.inputs) if hasattr(tensor, "op") else []


def _tensors(nested: Any) -> list[tf.Tensor]:
    return [x for x in tf.nest.flatten(nested) if isinstance(x, tf.Tensor)]


def _all_tensors(values: list[Any]) -> list[tf.Tensor]:
    """Returns the values if all are plain tensors, none sparse or ragged; else none."""
    return values if all(isinstance(value, tf.Tensor) for value in values) else []


def is_reachable(tensor: Any) -> bool:
    """Whether code that runs here can use a tensor: an eager one, or of this graph.

    Args:
        tensor: The tensor.
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
