"""Watching a model's own training step from inside, without changing it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

# Activations whose slope says nothing of a unit: none at all, and those that act on a
# whole vector.
NOT_ELEMENTWISE = ("linear", "softmax", "log_softmax", "sparsemax", "glu")


class Tap:
    """What one layer's activation got in the step at hand.

    Attributes:
        layer: The layer.
        function: Its activation, elementwise.
        passed_to: What is called with the pre-activations: the activation, or another
            monitor's tap.
        inputs: The pre-activations of each call, [batch, ...] each.
    """

    def __init__(
        self, layer: keras.layers.Layer, function: Callable[[tf.Tensor], tf.Tensor]
    ) -> None:
        self.layer = layer
        self.function = function
        self.passed_to: Callable[..., tf.Tensor] = function
        self.inputs: list[tf.Tensor] = []

    def __call__(self, inputs: tf.Tensor, *args: Any, **kwargs: Any) -> tf.Tensor:
        self.inputs.append(inputs)
        return self.passed_to(inputs, *args, **kwargs)

    def take(self) -> list[tf.Tensor]:
        """Returns the pre-activations that can be reached from here, and forgets them.

        Those from inside a loop or a function of their own, such as a recurrent
        layer's, cannot.
        """
        taken, self.inputs = self.inputs, []
        return [tensor for tensor in taken if is_reachable(tensor)]


class Interception:
    """Lets a callback see what the training step of a `fit` works with.

    While the model's train function runs, and only then, `apply` of the optimizer,
    `scale_loss` of the outer optimizer and the activations of the layers are replaced
    by functions that pass everything on. Nothing stays on the optimizer or on a layer
    between two batches, so an exception leaves nothing behind.

    Args:
        model: Compiled.
        params: The callback's; they say whose `fit` this is.
        apply: Called in place of the optimizer's `apply`, with this object and the
            optimizer's as its first arguments.
        layers: Those whose activations are tapped.

    Attributes:
        optimizer: The one that gets the unscaled gradients.
        taps: One for each layer with an elementwise activation.
    """

    def __init__(
        self,
        model: keras.Model,
        params: dict[str, Any],
        apply: Callable[..., Any],
        layers: list[keras.layers.Layer],
    ) -> None:
        self._model = model
        self._params = params
        self._apply = apply
        self._outer = model.optimizer
        # The outer one of a LossScaleOptimizer sees scaled gradients.
        self.optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        self.taps: list[Tap] = []
        self._slots: list[tuple[keras.layers.Layer, str, Tap]] = []
        self._loss: tf.Tensor | None = None
        for layer in layers:
            self._add_tap(layer)
        self._wrap()

    def take_loss(self) -> tf.Tensor | None:
        """Returns the loss of the step at hand, unscaled; None if it was not seen."""
        loss, self._loss = self._loss, None
        return loss if loss is not None and is_reachable(loss) else None

    def end(self) -> None:
        """Has Keras make a train function anew when it needs one."""
        self._model.train_function = None

    def _add_tap(self, layer: keras.layers.Layer) -> None:
        activation = getattr(layer, "activation", None)
        if callable(activation):
            name, function = "activation", activation
            if getattr(activation, "__name__", "") in NOT_ELEMENTWISE:
                return
        elif type(layer).__module__.startswith("keras.src.layers.activations"):
            if isinstance(layer, keras.layers.Softmax):
                return
            name, function = "call", layer.call
        else:
            return
        tap = Tap(layer, function)
        self.taps.append(tap)
        self._slots.append((layer, name, tap))

    def _wrap(self) -> None:
        model, params = self._model, self._params
        if getattr(model.train_function, "monitored_by", model) is not params:
            # Traced by an earlier fit, it would go on calling what it did then. Another
            # monitor of this fit, which Keras gives the same params, is left in place.
            model.make_train_function(force=True)
        train_function = model.train_function

        def monitored_train_function(iterator):
            try:
                with self._intercepted():
                    return train_function(iterator)
            except (StopIteration, tf.errors.OutOfRangeError):
                raise  # the end of an epoch
            except BaseException:
                self.end()
                raise

        monitored_train_function.monitored_by = params  # type: ignore[attr-defined]
        model.train_function = monitored_train_function

    @contextlib.contextmanager
    def _intercepted(self) -> Iterator[None]:
        optimizer, outer = self.optimizer, self._outer
        apply, scale_loss = optimizer.apply, outer.scale_loss

        def monitored_apply(grads, trainable_variables=None):
            return self._apply(self, apply, grads, trainable_variables)

        def monitored_scale_loss(loss):
            self._loss = loss
            return scale_loss(loss)

        with contextlib.ExitStack() as stack:
            stack.enter_context(_replaced(optimizer, "apply", monitored_apply))
            stack.enter_context(_replaced(outer, "scale_loss", monitored_scale_loss))
            for layer, name, tap in self._slots:
                tap.passed_to = getattr(layer, name)
                stack.enter_context(_replaced(layer, name, tap))
            try:
                yield
            finally:
                self._loss = None
                for tap in self.taps:
                    tap.inputs = []


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    # Past Keras's __setattr__, which would track it.
    attributes = vars(owner)
    is_own = name in attributes
    before = attributes.get(name)
    attributes[name] = value
    try:
        yield
    finally:
        if is_own:
            attributes[name] = before
        else:
            del attributes[name]


def is_reachable(tensor: tf.Tensor) -> bool:
    """Whether code that runs here can use a tensor: an eager one, or of this graph."""
    if tf.executing_eagerly():
        return tf.is_tensor(tensor) and not tf.is_symbolic_tensor(tensor)
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if not tf.is_symbolic_tensor(tensor) or tensor.graph is graph:
            return True
        graph = getattr(graph, "outer_graph", None)
    return False
