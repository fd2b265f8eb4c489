"""Functions that rely on what Keras and TensorFlow do not document.

Each function is one such use. Its docstring gives the reason, and it has a test of its
own in tests/test_compat.py, which also runs with the oldest Keras allowed.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf


def sublayers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers directly inside a layer, in the order of its attributes.

    Only models have a public `layers`; a custom layer has no such attribute.

    Args:
        layer: The outer layer.
    """
    return list(layer._flatten_layers(include_self=False, recursive=False))


def parts(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all layers nested inside it, at any depth.

    Args:
        layer: The outer layer.
    """
    return list(layer._flatten_layers())


def known_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Returns the variables that an optimizer was built for, in its own order.

    These are what `apply` updates if it is called without variables. There is no public
    list of them.

    Args:
        optimizer: The built optimizer.
    """
    return list(optimizer._trainable_variables)


def is_of_keras(thing: Any) -> bool:
    """Whether Keras itself defines a type, a function or the type of an object.

    There is no public list of what Keras defines, so the module's name decides.

    Args:
        thing: A type, a function or any other object, whose type is then looked at.
    """
    owner = thing if hasattr(thing, "__qualname__") else type(thing)
    return (getattr(owner, "__module__", None) or "").startswith("keras.")


def is_activation_layer(layer: keras.layers.Layer) -> bool:
    """Whether a layer is one of Keras's activation layers, such as `ReLU`.

    Args:
        layer: The layer.
    """
    return type(layer).__module__.startswith("keras.src.layers.activations")


def is_composite(layer: keras.layers.Layer) -> bool:
    """Whether a layer's class is one of Keras's own layers or derives from one.

    The monitor shows such a layer as one row, whatever layers it is made of. A class
    that derives only from `Layer` or `Wrapper` is a custom layer, and a model is not
    composite either.

    Args:
        layer: A layer or a model.
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
    """Returns a `tf.function` with the same options around another Python function.

    A training step under `@tf.function` that has been traced already is not traced
    again, so the monitor would see nothing of it. The options of a `tf.function` cannot
    be read in a public way.

    Args:
        step: The training step: a `tf.function`, or a Python function, for which
            `wrap(step)` is returned.
        wrap: Maps the Python function of the step to the one that replaces it.
    """
    if not isinstance(step, tf.types.experimental.PolymorphicFunction):
        return wrap(step)
    return step._clone(wrap(step.python_function))


def without_dropout(layer: keras.layers.RNN) -> keras.layers.RNN:
    """Returns a copy of a recurrent layer that shares its weights and has no dropout.

    Keras's cells keep their dropout mask and draw it in inference, too, so the next
    training step would find a mask drawn here. A copy by `from_config` would draw seeds
    from Python's generator, as the layer's own constructor does.

    Args:
        layer: One of Keras's own recurrent layers, with Keras's own cells.
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
    # `copy.copy` would serialize the object and make one that has other weights.
    shallow = object.__new__(type(thing))
    vars(shallow).update(vars(thing))
    return shallow


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replaces an attribute of an object for the duration of the context.

    It bypasses Keras's `__setattr__`, which would track the value.

    Args:
        owner: The object.
        name: The attribute's name.
        value: The attribute's value inside the context.
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
    """Sets an attribute, bypassing Keras's `__setattr__`, which would track the value.

    Args:
        owner: The object.
        name: The attribute's name.
        value: The attribute's value.
    """
    vars(owner)[name] = value


def has_random_state(graph: tf.Graph) -> bool:
    """Whether a graph, or a function that it calls, has a stateful random operation.

    Such an operation (`tf.random.normal`, but not Keras's generators) keeps its state
    in its kernel, and each function that contains it has a kernel of its own. So two
    functions draw two different streams of random numbers.

    Args:
        graph: The graph that is being built.
    """
    definition = graph.as_graph_def()
    nodes: list[Sequence[Any]] = [definition.node]
    nodes += [function.node_def for function in definition.library.function]
    kinds = {node.op for part in nodes for node in part if "seed2" in node.attr}
    # Data sets have a seed, too, but are not random operations.
    return any(not kind.endswith(("Dataset", "DatasetV2", "V3")) for kind in kinds)


def has_state(function: tf.types.experimental.ConcreteFunction) -> bool:
    """Whether a function reads or changes any state besides its arguments.

    Args:
        function: The traced function.
    """
    graph = function.graph
    if any(tensor.dtype == tf.resource for tensor, _ in graph.captures):
        return True
    definition = graph.as_graph_def()
    nodes: list[Sequence[Any]] = [definition.node]
    nodes += [inner.node_def for inner in definition.library.function]
    ops = {node.op for part in nodes for node in part}
    return any(_is_stateful(op) for op in ops)


# These do not count as state: they call functions, whose own operations are looked at
# as well, or stand for arguments.
_HARMLESS = {"PartitionedCall", "StatefulPartitionedCall", "Placeholder", "If", "While"}


def _is_stateful(op: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(op)
    return bool(definition and definition.is_stateful and op not in _HARMLESS)


def was_traced(train_function: Any) -> bool:
    """Whether a train function that Keras made has been traced.

    A traced step goes on updating the variables that were trainable when it was traced.

    Args:
        train_function: The model's `train_function`.
    """
    cells = getattr(train_function, "__closure__", None) or ()
    contents = [cell.cell_contents for cell in cells if cell is not None]
    return any(
        content.experimental_get_tracing_count() > 0
        for content in contents
        if isinstance(content, tf.types.experimental.PolymorphicFunction)
    )


def producer(tensor: Any) -> tuple[Any, Any]:
    """Returns the operation that produces a symbolic tensor of a Functional model.

    Keras makes only the tensors of the model's inputs and outputs public.

    Args:
        tensor: A symbolic tensor of a Functional model.

    Returns:
        The operation, for instance a layer, and the node of the call that produces the
        tensor.
    """
    operation, index, _ = tensor._keras_history
    return operation, operation._inbound_nodes[index]


class _StatelessUpdate(keras.optimizers.Optimizer):
    """Makes a Keras optimizer update values that a `keras.StatelessScope` holds.

    Under TensorFlow, Keras's optimizers write to each `tf.Variable` directly, to
    support distribution strategies. This class assigns to the Keras variable instead,
    as Keras does under any other backend.
    """

    def _var_key(self, variable: keras.Variable) -> int:
        return id(variable)

    def _backend_update_step(
        self,
        grads: Sequence[tf.Tensor],
        trainable_variables: Sequence[keras.Variable],
        learning_rate: tf.Tensor,
    ) -> None:
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def _apply_weight_decay(self, variables: Sequence[keras.Variable]) -> None:
        if self.weight_decay is not None:
            rate = self.weight_decay * self.learning_rate
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
    """Returns an optimizer class whose updates a `keras.StatelessScope` can hold.

    The class overrides only how Keras's TensorFlow backend writes to variables.

    Args:
        stock: The optimizer class from `keras.optimizers` to derive from.
    """
    return type(stock.__name__, (_StatelessUpdate, stock), {})
