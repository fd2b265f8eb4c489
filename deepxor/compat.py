"""The parts of Keras and TensorFlow that are used here but that they do not document.

Each function is one such use, says why it is needed, and has a test of its own in
tests/test_compat.py, which also runs with the oldest Keras allowed.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def sublayers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers that are attributes of a layer, in the attributes' order.

    Only models have a public list, `layers`; a custom layer has none.

    Args:
        layer: Any layer.
    """
    return list(layer._flatten_layers(include_self=False, recursive=False))


def parts(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all layers inside of it, at any depth.

    Args:
        layer: Any layer.
    """
    return list(layer._flatten_layers())


def known_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Returns the variables that an optimizer was built for, in their order.

    The optimizer's `apply` updates these if it gets no variables, but there is no
    public list of them.

    Args:
        optimizer: A built optimizer.
    """
    return list(optimizer._trainable_variables)


def is_of_keras(thing: Any) -> bool:
    """Returns whether Keras itself defines a function, or the type of an object.

    There is no public list of what Keras defines.

    Args:
        thing: A function, a type or any other object.
    """
    owner = thing if hasattr(thing, "__qualname__") else type(thing)
    return (getattr(owner, "__module__", None) or "").startswith("keras.")


def is_activation_layer(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer is one of Keras's activations, such as `ReLU`.

    Args:
        layer: Any layer.
    """
    return type(layer).__module__.startswith("keras.src.layers.activations")


def mask_of(tensor: Any) -> Any:
    """Returns the mask that a layer gave a tensor, which Keras's losses use, or None.

    Args:
        tensor: The output of a layer.
    """
    return keras.src.backend.get_keras_mask(tensor)


def compiled_metrics(model: keras.Model) -> Any:
    """Returns the metrics as `compile` took them, or None.

    `model.metrics` holds them in one object of Keras's own; `get_compile_config` makes
    a copy of everything, and warns of a lambda.

    Args:
        model: Any model.
    """
    compiled = getattr(model, "_compile_metrics", None)
    return getattr(compiled, "_user_metrics", None)


def is_composite(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer is of a kind of Keras, or derives from one.

    Such a layer stays one row of the records, whatever layers it is made of. A layer
    that derives from `Layer` or `Wrapper` alone is a custom one.

    Args:
        layer: Any layer.
    """
    plain = (keras.layers.Layer, keras.layers.Wrapper)
    return any(
        kind.__module__.startswith("keras.src.layers.") and kind not in plain
        for kind in type(layer).__mro__
        if kind is not keras.layers.Layer and kind is not object
    ) and not isinstance(layer, keras.Model)


def of_python_function(
    step: Callable[..., Any], wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[..., Any]:
    """Returns a `tf.function` with the same options and another Python function.

    A training step under `@tf.function` that has been traced is not traced again, so
    that a monitor would see nothing of it. There is no public way to read the options.

    Args:
        step: A function; one that is not a `tf.function` is wrapped as it is.
        wrap: A function that maps the Python function to the other one.
    """
    if not isinstance(step, tf.types.experimental.PolymorphicFunction):
        return wrap(step)
    return step._clone(wrap(step.python_function))


def without_dropout(layer: keras.layers.RNN) -> keras.layers.RNN:
    """Returns a copy of a recurrent layer with the same weights and without dropout.

    A cell of Keras keeps the mask of its dropout, and draws one in inference, too, so
    that the next training step would find it there. A copy by `from_config` would draw
    seeds from Python's generator, as the layer's own constructor does.

    Args:
        layer: A recurrent layer of Keras itself, with cells of Keras itself.
    """
    shallow = _shallow(layer)
    vars(shallow)["cell"] = _shallow_cell(layer.cell)
    return shallow


def _shallow_cell(cell: Any) -> Any:
    shallow = _shallow(cell)
    if isinstance(cell, keras.layers.StackedRNNCells):
        vars(shallow)["cells"] = [_shallow_cell(inner) for inner in cell.cells]
    for name in ("dropout", "recurrent_dropout"):
        if name in vars(shallow):
            vars(shallow)[name] = 0.0
    for name in ("_dropout_mask", "_recurrent_dropout_mask"):
        vars(shallow).pop(name, None)
    return shallow


def _shallow(thing: Any) -> Any:
    # `copy.copy` would serialize the object and make another one with other weights.
    shallow = object.__new__(type(thing))
    vars(shallow).update(vars(thing))
    return shallow


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Sets an attribute of an object while the context is open, and restores it then.

    It does not call Keras's `__setattr__`, which would track the value.

    Args:
        owner: The object.
        name: The attribute's name.
        value: The attribute's value while the context is open.
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
            attributes.pop(name, None)


def keep(owner: Any, name: str, value: Any) -> None:
    """Sets an attribute of an object without having Keras track it.

    It does not call Keras's `__setattr__`, which would track the value.

    Args:
        owner: The object.
        name: The attribute's name.
        value: The attribute's value.
    """
    vars(owner)[name] = value


def has_random_state(graph: tf.Graph) -> bool:
    """Returns whether a graph, or a function that it calls, draws random numbers.

    An operation such as `tf.random.normal`, unlike Keras's generators, has its state in
    its kernel. The state is another one in every function in which the operation
    stands, so that two functions draw two streams of numbers.

    Args:
        graph: The graph of a function, which may still be being built.
    """
    definition = graph.as_graph_def()
    nodes: list[Sequence[Any]] = [definition.node]
    nodes += [function.node_def for function in definition.library.function]
    kinds = {node.op for part in nodes for node in part if "seed2" in node.attr}
    # Operations of data sets have a seed, too, but are no random numbers.
    return any(not kind.endswith(("Dataset", "DatasetV2", "V3")) for kind in kinds)


def has_state(function: tf.types.experimental.ConcreteFunction) -> bool:
    """Returns whether a function reads or changes anything but its arguments.

    Args:
        function: The function, traced.
    """
    graph = function.graph
    if any(tensor.dtype == tf.resource for tensor, _ in graph.captures):
        return True
    definition = graph.as_graph_def()
    nodes: list[Sequence[Any]] = [definition.node]
    nodes += [inner.node_def for inner in definition.library.function]
    ops = {node.op for part in nodes for node in part}
    return any(_is_stateful(op) for op in ops)


# TensorFlow counts these as stateful, though they only call functions, whose operations
# are looked at on their own, or stand for arguments.
_HARMLESS = {"PartitionedCall", "StatefulPartitionedCall", "Placeholder", "If", "While"}


def _is_stateful(op: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(op)
    return bool(definition and definition.is_stateful and op not in _HARMLESS)


def was_traced(train_function: Any) -> bool:
    """Returns whether a train function that Keras made has been traced.

    A traced step updates the variables that were trainable when it was traced.

    Args:
        train_function: `model.train_function`.
    """
    cells = getattr(train_function, "__closure__", None) or ()
    contents = [cell.cell_contents for cell in cells if cell is not None]
    return any(
        content.experimental_get_tracing_count() > 0
        for content in contents
        if isinstance(content, tf.types.experimental.PolymorphicFunction)
    )


def producer(tensor: Any) -> tuple[Any, Any]:
    """Returns the operation of a Functional model that gives a symbolic tensor.

    Only the tensors of the model's own inputs and outputs are public.

    Args:
        tensor: Symbolic, of a Functional model.

    Returns:
        The operation, a layer for instance, and the node of its call.
    """
    operation, index, _ = tensor._keras_history
    return operation, operation._inbound_nodes[index]


class _StatelessUpdate(keras.optimizers.Optimizer):
    """Lets an optimizer of Keras update values that a `keras.StatelessScope` holds.

    Under TensorFlow it writes to each `tf.Variable` itself, for the sake of
    distribution strategies. Assigning to the Keras variable instead, as Keras does
    under any other backend, is all it takes.

    Attributes:
        factors: A variable of factors of the learning rate, which broadcasts against
            every gradient; None for the same rate everywhere.
    """

    factors: keras.Variable | None = None

    def vary(self, factors: np.ndarray) -> None:
        """Gives parts of every gradient learning rates of their own.

        Args:
            factors: The factors of the learning rate, which broadcast against every
                gradient.
        """
        # As an attribute it becomes one of the optimizer's variables, which the blocks
        # of replicas divide among them.
        self.factors = keras.Variable(
            factors, trainable=False, name="learning_rate_factors"
        )

    def _rate(self, learning_rate: tf.Tensor) -> tf.Tensor:
        if self.factors is None:
            return learning_rate
        return learning_rate * tf.cast(self.factors.value, learning_rate.dtype)

    def _var_key(self, variable: keras.Variable) -> int:
        return id(variable)

    def _backend_update_step(
        self,
        grads: Sequence[tf.Tensor],
        trainable_variables: Sequence[keras.Variable],
        learning_rate: tf.Tensor,
    ) -> None:
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, self._rate(learning_rate))

    def _apply_weight_decay(self, variables: Sequence[keras.Variable]) -> None:
        if self.weight_decay is not None:
            rate = self.weight_decay * self._rate(self.learning_rate)
            for variable in variables:
                if self._use_weight_decay(variable):
                    variable.assign_sub(variable * rate)

    def assign(self, variable: keras.Variable, value: tf.Tensor) -> None:
        variable.assign(value)

    def assign_add(self, variable: keras.Variable, value: tf.Tensor) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: keras.Variable, value: tf.Tensor) -> None:
        variable.assign_sub(value)


@functools.cache
def stateless_optimizer(
    stock: type[keras.optimizers.Optimizer],
) -> type[keras.optimizers.Optimizer]:
    """Returns an optimizer of Keras that can update a `keras.StatelessScope`.

    What it overrides is how Keras's TensorFlow backend writes to variables.

    Args:
        stock: One of `keras.optimizers`.
    """
    return type(stock.__name__, (_StatelessUpdate, stock), {})
