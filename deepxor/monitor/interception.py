"""Watching a model's own training step from inside, without changing it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import keras
import tensorflow as tf

# Activations whose slope says nothing of a unit: none at all, and those that act on a
# whole vector or on the pieces of a unit.
NOT_ELEMENTWISE = ("linear", "softmax", "log_softmax", "sparsemax", "glu", "maxout")


class Tap:
    """What one layer's activation gets in the step at hand.

    Where the pre-activations can be had from the outputs, those are kept instead:
    TensorFlow computes a matrix product, its bias and such an activation as one
    operation, but not if somebody looks at what is in between, and rounds otherwise.

    Attributes:
        layer: The layer.
        function: Its activation, elementwise.
        passed_to: What is called with the pre-activations (by a recurrent layer, with
            its inputs): the activation, or another monitor's tap.
    """

    def __init__(
        self, layer: keras.layers.Layer, function: Callable[[tf.Tensor], tf.Tensor]
    ) -> None:
        self.layer = layer
        self.function = function
        self.passed_to: Callable[..., tf.Tensor] = function
        self._inverse = inverse_of(getattr(function, "__self__", function))
        self._kept: list[tf.Tensor] = []

    def __call__(self, inputs: tf.Tensor, *args: Any, **kwargs: Any) -> tf.Tensor:
        outputs = self.passed_to(inputs, *args, **kwargs)
        # A recurrent layer may return its state, too.
        first = outputs[0] if isinstance(outputs, tuple | list) else outputs
        self._kept.append(inputs if self._inverse is None else first)
        return outputs

    def take(self) -> list[tf.Tensor]:
        """Returns what was kept of each call and can be reached from here.

        Tensors from inside a loop or a function of their own, such as a recurrent
        layer's, cannot. What is returned is kept no longer.
        """
        kept, self._kept = self._kept, []
        return [tensor for tensor in kept if is_reachable(tensor)]

    def pre_activations(self, kept: tf.Tensor) -> tf.Tensor:
        """Returns float32 pre-activations from some of what `take` returned."""
        kept = tf.cast(kept, tf.float32)
        return kept if self._inverse is None else self._inverse(kept)


class SequenceTap:
    """What a recurrent layer gets in the step at hand.

    Attributes:
        layer: The layer.
        passed_to: What is called with the sequences: the layer's `call`, or another
            tap.
    """

    def __init__(self, layer: keras.layers.RNN) -> None:
        self.layer = layer
        self.passed_to: Callable[..., Any] = layer.call
        self._kept: list[tf.Tensor] = []

    def __call__(self, sequences: tf.Tensor, *args: Any, **kwargs: Any) -> Any:
        mask = kwargs.get("mask")
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        self._kept = _tensors([sequences] if mask is None else [sequences, mask])
        return self.passed_to(sequences, *args, **kwargs)

    def take(self) -> list[tf.Tensor]:
        """Returns the sequences of the latest call, and the mask if there was one.

        Nothing, if they cannot be reached from here. What is returned is kept no
        longer.
        """
        kept, self._kept = self._kept, []
        return kept if all(map(is_reachable, kept)) else []


def inverse_of(activation: Any) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """Returns the inverse of an activation that TensorFlow may fuse, or None.

    Args:
        activation: A function or a layer of Keras.

    Returns:
        Maps outputs to inputs of the same slope. Of a ReLU or a leaky one, whose slope
        depends on the sign alone, it leaves the outputs as they are.
    """
    if isinstance(activation, keras.layers.ReLU | keras.layers.LeakyReLU):
        return tf.identity
    if isinstance(activation, keras.layers.ELU):
        return lambda y: _inverse_elu(y, activation.alpha)
    name = getattr(activation, "__name__", "")
    # Not somebody's own function of that name.
    known = [getattr(module, name, None) for module in (keras.activations, tf.nn)]
    return INVERSES.get(name) if activation in known else None


def _inverse_elu(y: tf.Tensor, alpha: float = 1.0) -> tf.Tensor:
    return tf.where(y > 0, y, tf.math.log1p(tf.minimum(y, 0) / alpha))


INVERSES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.identity,
    "relu6": tf.identity,
    "leaky_relu": tf.identity,
    "elu": _inverse_elu,
    "tanh": tf.math.atanh,
    "sigmoid": lambda y: tf.math.log(y) - tf.math.log1p(-y),
}


class Interception:
    """Lets a callback see what the training step of a `fit` works with.

    While the model's train function runs, and only then, `apply` of the optimizer,
    `scale_loss` of the outer optimizer, the model's `compute_loss`, the activations of
    the layers and `call` of the recurrent ones are replaced by functions that pass
    everything on. Nothing stays on any of them between two batches, so an exception
    leaves nothing behind.

    Args:
        model: Compiled.
        apply: Called in place of the optimizer's `apply`, with this object and the
            optimizer's as its first arguments.
        layers: Those whose activations, and sequences, are tapped.

    Attributes:
        optimizer: The one that gets the unscaled gradients.
        taps: One for each layer with an elementwise activation.
        sequence_taps: One for each recurrent layer.
        mode: What `apply` makes of a step depends on this alone: for each mode the step
            is traced anew.
    """

    def __init__(
        self,
        model: keras.Model,
        apply: Callable[..., Any],
        layers: list[keras.layers.Layer],
    ) -> None:
        self._apply = apply
        self._outer = model.optimizer
        # The outer one of a LossScaleOptimizer sees scaled gradients.
        self.optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        self.mode: Hashable = None
        self._slots: list[tuple[keras.layers.Layer, str, Tap | SequenceTap]] = []
        self._loss: tf.Tensor | None = None
        self._model = model
        self._pair: list[tf.Tensor] = []
        for layer in layers:
            self._add_tap(layer)
            if isinstance(layer, keras.layers.RNN):
                self._slots.append((layer, "call", SequenceTap(layer)))

    @property
    def taps(self) -> list[Tap]:
        return [tap for _, _, tap in self._slots if isinstance(tap, Tap)]

    @property
    def sequence_taps(self) -> list[SequenceTap]:
        return [tap for _, _, tap in self._slots if isinstance(tap, SequenceTap)]

    def take_loss(self) -> tf.Tensor | None:
        """Returns the loss of the step at hand, unscaled; None if it was not seen."""
        loss, self._loss = self._loss, None
        return loss if loss is not None and is_reachable(loss) else None

    def take_predictions(self) -> list[tf.Tensor]:
        """Returns targets and predictions of the step at hand.

        An empty list, if they were not seen, or if there are several of them.
        """
        pair, self._pair = self._pair, []
        return pair if all(map(is_reachable, pair)) else []

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Sees the steps that are traced, or run eagerly, in this context."""
        optimizer, outer = self.optimizer, self._outer
        apply, scale_loss = optimizer.apply, outer.scale_loss
        compute_loss = self._model.compute_loss

        def monitored_apply(grads, trainable_variables=None):
            return self._apply(self, apply, grads, trainable_variables)

        def monitored_scale_loss(loss):
            self._loss = loss
            return scale_loss(loss)

        def monitored_compute_loss(*args, **kwargs):
            named = dict(zip(("x", "y", "y_pred"), args, strict=False)) | kwargs
            self._pair = _tensors([named.get("y"), named.get("y_pred")])
            return compute_loss(*args, **kwargs)

        with contextlib.ExitStack() as stack:
            stack.enter_context(
                replaced(self._model, "compute_loss", monitored_compute_loss)
            )
            stack.enter_context(replaced(optimizer, "apply", monitored_apply))
            stack.enter_context(replaced(outer, "scale_loss", monitored_scale_loss))
            for layer, name, tap in self._slots:
                tap.passed_to = getattr(layer, name)
                stack.enter_context(replaced(layer, name, tap))
            try:
                yield
            finally:
                self._loss, self._pair = None, []
                for _, _, tap in self._slots:
                    tap.take()

    def _add_tap(self, layer: keras.layers.Layer) -> None:
        activation = getattr(layer, "activation", None)
        if hasattr(layer, "state_size") and not isinstance(layer, keras.layers.RNN):
            return  # a cell, which works inside a loop
        if isinstance(layer, keras.layers.RNN):
            # Its outputs are an activation's, if it is a simple one.
            is_simple = isinstance(layer, keras.layers.SimpleRNN)
            if activation is None or not is_simple or inverse_of(activation) is None:
                return
            name, function = "call", activation
        elif callable(activation):
            name, function = "activation", activation
            if getattr(activation, "__name__", "") in NOT_ELEMENTWISE:
                return
        elif type(layer).__module__.startswith("keras.src.layers.activations"):
            if isinstance(layer, keras.layers.Softmax):
                return
            name, function = "call", layer.call
        else:
            return
        self._slots.append((layer, name, Tap(layer, function)))


class MonitoredTrainFunction:
    """Stands in for a model's train function during one `fit` with monitors.

    Args:
        model: The model.
        params: Those that Keras gives the callbacks of this fit.
    """

    def __init__(self, model: keras.Model, params: dict[str, Any]) -> None:
        self._model = model
        self._params = params
        before = model.train_function
        # What an exception left of an earlier fit is no function to go back to.
        is_left = isinstance(before, MonitoredTrainFunction)
        self._original = before._original if is_left else before
        self._interceptions: list[Interception] = []
        self._functions: dict[tuple[Hashable, ...], Callable[..., Any]] = {}
        self._original_step = model.train_step
        self._seeing: contextlib.ExitStack | None = None
        self._is_armed = False

    @classmethod
    def join(
        cls, model: keras.Model, params: dict[str, Any], interception: Interception
    ) -> MonitoredTrainFunction:
        """Has a fit's train function see with one interception more.

        Args:
            model: The model that is fitted.
            params: The callback's; they say whose `fit` this is.
            interception: The callback's.

        Returns:
            The model's train function, which all monitors of the fit share.
        """
        function = model.train_function
        if not isinstance(function, cls) or function._params is not params:
            function = cls(model, params)
            model.train_function = function
        function._interceptions.append(interception)
        return function

    def arm(self) -> None:
        """Says that the next call is of this fit; to be called before every batch."""
        self._is_armed = True

    def end(self) -> None:
        """Gives the model back the train function that it had."""
        self._model.train_function = self._original

    def __call__(self, iterator: Any) -> Any:
        """Runs the training step of the interceptions' modes."""
        if not self._is_armed:  # another fit's: an exception cut this one short
            self.end()
            return self._original(iterator)
        self._is_armed = False
        modes = tuple(interception.mode for interception in self._interceptions)
        if modes not in self._functions:
            self._functions[modes] = self._make_function()
        try:
            # Also where a model's own train function looks its step up only now.
            with self._seen_step():
                return self._functions[modes](iterator)
        except (StopIteration, tf.errors.OutOfRangeError):
            raise  # the end of an epoch
        except BaseException:
            self.end()
            raise
        finally:
            if self._seeing is not None:
                self._seeing.close()
                self._seeing = None

    def _make_function(self) -> Callable[..., Any]:
        """Returns a train function that has not been traced yet."""
        model = self._model
        with self._seen_step():
            model.make_train_function(force=True)
        function, model.train_function = model.train_function, self
        return function

    def _seen_step(self) -> contextlib.AbstractContextManager[None]:
        """Gives the model a training step that the interceptions see.

        It runs only where a step is traced, or eager: a step that is compiled already
        costs no Python of ours.
        """
        return replaced(self._model, "train_step", self._train_step)

    def _train_step(self, *args: Any, **kwargs: Any) -> Any:
        self._see()
        return self._original_step(*args, **kwargs)

    def _see(self) -> None:
        """Lets the interceptions see until the end of the call.

        Other replicas of the call, and a trace within the trace, are seen along.
        """
        if self._seeing is None:
            self._seeing = contextlib.ExitStack()
            for interception in self._interceptions:
                self._seeing.enter_context(interception.active())


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Gives an object another attribute for the time of the context.

    Past Keras's `__setattr__`, which would track it.

    Args:
        owner: The object.
        name: The attribute's name.
        value: What it is in this context.
    """
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


def _tensors(values: list[Any]) -> list[tf.Tensor]:
    """Returns the values if all are plain tensors, none sparse or ragged; else none."""
    return values if all(isinstance(value, tf.Tensor) for value in values) else []


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
