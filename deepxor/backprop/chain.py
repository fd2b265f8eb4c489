"""A model as a chain: every layer a linear map and, after it, an activation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepxor.checks import refuse
from deepxor.compat import producer

# Layers that can apply an activation to their output.
WITH_ACTIVATION = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)

# Layers that are nothing but an activation.
ONLY_ACTIVATION = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.PReLU,
    keras.layers.Softmax,
)

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Link:
    """Describes one layer of a chain, which is activation(linear(input)).

    With a shortcut it is activation(linear(input)) + input.

    Attributes:
        name: The layer's name.
        linear: The function from the input to the pre-activations. It is the whole
            layer if that is neither dense nor a convolution nor an activation.
        activation: The function from the pre-activations to the output; None if the
            layer has none.
        kernel: The kernel of a dense layer, [inputs, units], or [inputs, units, R] for
            R replicas; None for other layers.
        bias: The bias of a dense layer, [units] or [units, R]; None if it has none.
        has_shortcut: Whether the input, of the same shape, is added to the output.
    """

    name: str
    linear: Function
    activation: Function | None = None
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    has_shortcut: bool = False

    def output(self, z: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Returns the output.

        Args:
            z: The pre-activations, which are linear(x).
            x: The input.
        """
        activations = z if self.activation is None else self.activation(z)
        return activations + x if self.has_shortcut else activations


@dataclass(frozen=True)
class Chain:
    """Describes a loss as a chain of layers on a batch.

    Attributes:
        links: The layers in forward order.
        x: The batch of inputs, [samples, ...].
        loss: The function from the last link's output to the loss, a scalar.
        replicas: R, if the last axis of every output is one of R independent networks
            and the loss is the sum of theirs; None for an ordinary model.
    """

    links: list[Link]
    x: tf.Tensor
    loss: Function
    replicas: int | None = None

    def forward(self) -> tf.Tensor:
        """Returns the last link's output."""
        output = self.x
        for link in self.links:
            output = link.output(link.linear(output), output)
        return output


def keras_chain(model: keras.Model, x: Any, y: Any, training: bool) -> Chain:
    """Returns a Keras model and its compiled loss as a chain.

    Args:
        model: A compiled and built model, either Sequential, or Functional with one
            path from its one input to its one output. Models inside of it are taken
            apart, too.
        x: A batch of inputs, [samples, ...].
        y: The targets of the batch, [samples, ...].
        training: Whether layers behave as in `fit`.

    Returns:
        The chain, whose loss is the compiled one.

    Raises:
        ValueError: If the model is not compiled, not built or not a chain, or if x or y
            do not suit it.
    """
    _check_model(model)
    shape, dtype = model.inputs[0].shape, model.inputs[0].dtype
    x, y = tf.cast(tf.convert_to_tensor(x), dtype), tf.convert_to_tensor(y)
    if len(x.shape) != len(shape) or not x.shape.is_compatible_with(shape):
        raise ValueError(
            f"`x` must have the shape that model {model.name!r} takes, {tuple(shape)}. "
            f"Received: x.shape={tuple(x.shape)}"
        )
    if not 0 < len(x) == len(y):
        raise ValueError(
            "`x` and `y` must have the same number of samples, at least 1. Received: "
            f"len(x)={len(x)}, len(y)={len(y)}"
        )

    def loss(output: tf.Tensor) -> tf.Tensor:
        return model.compute_loss(x=x, y=y, y_pred=output, training=training)

    chain = Chain(_named(list(_links(model, "", training))), x, loss)
    _check_output(chain, model, training)
    return chain


def _check_model(model: Any) -> None:
    if not isinstance(model, keras.Model):
        refuse("model", model, "a keras.Model")
    name = f"model {model.name!r}"
    if not model.compiled or not model.loss:
        raise ValueError(
            "`model` must be compiled with a loss, as in model.compile('sgd', 'mse'). "
            f"Received: {name} without one"
        )
    if not isinstance(model, (keras.Sequential, keras.Function)):
        raise ValueError(
            "`model` must be Sequential or Functional, as only they say in which order "
            f"their layers come. Received: {name} of type {type(model).__name__}"
        )
    if not model.built:
        raise ValueError(
            "`model` must be built: begin it with keras.Input, or call it once. "
            f"Received: {name}, which is not built"
        )
    ends = {"inputs": len(model.inputs), "outputs": len(model.outputs)}
    for end, count in ends.items():
        if count != 1:
            raise ValueError(
                "`model` must be a chain, with one input and one output. Received: "
                f"{name} with {count} {end}"
            )


def _links(model: keras.Model, prefix: str, training: bool) -> Iterator[Link]:
    for operation, node in _operations(model):
        name = prefix + operation.name
        if isinstance(operation, (keras.Sequential, keras.Function)):
            yield from _links(operation, f"{name}/", training)
        elif isinstance(operation, keras.layers.Layer):
            kwargs = dict(node.arguments.kwargs) if node else {}
            yield _layer_link(operation, name, {**kwargs, "training": training})
        else:  # an operation that is not a layer, as in x / 255
            yield Link(name, _function(node))


def _operations(model: keras.Model) -> list[tuple[Any, Any]]:
    """Returns the layers in forward order, each with the node that calls it.

    A Functional model may also have operations that are not layers. For the layers of
    a Sequential, which are called with their input and nothing else, the node is None.
    """
    if isinstance(model, keras.Sequential):
        return [(layer, None) for layer in model.layers]
    found: list[tuple[Any, Any]] = []
    tensor = model.outputs[0]
    while tensor is not model.inputs[0]:
        operation, node = producer(tensor)
        ends = {"inputs": node.input_tensors, "outputs": node.output_tensors}
        for end, tensors in ends.items():
            if len(tensors) != 1:
                raise ValueError(
                    "Layers of `model` must each have one input and one output. "
                    f"Received: layer {operation.name!r} of model {model.name!r} with "
                    f"{len(tensors)} {end}"
                )
        found.append((operation, node))
        tensor = node.input_tensors[0]
    return found[::-1]


def _function(node: Any) -> Function:
    function = keras.Function(node.input_tensors, node.output_tensors)
    return lambda x: function([x])[0]


def _layer_link(layer: keras.layers.Layer, name: str, kwargs: dict[str, Any]) -> Link:
    if isinstance(layer, ONLY_ACTIVATION):
        return Link(name, lambda x: x, lambda x: layer(x, **kwargs))
    if not isinstance(layer, WITH_ACTIVATION):
        return Link(name, lambda x: layer(x, **kwargs))
    activation = layer.activation
    if activation is keras.activations.linear:
        activation = None
    kernel = bias = None
    if isinstance(layer, keras.layers.Dense):
        kernel = keras.ops.convert_to_numpy(layer.kernel)
        bias = None if layer.bias is None else keras.ops.convert_to_numpy(layer.bias)
    return Link(name, _without_activation(layer, kwargs), activation, kernel, bias)


def _without_activation(layer: keras.layers.Layer, kwargs: dict[str, Any]) -> Function:
    def call(x: tf.Tensor) -> tf.Tensor:
        # `__setattr__` would register an activation that is itself a layer.
        attributes = vars(layer)
        activation = attributes["activation"]
        attributes["activation"] = keras.activations.linear
        try:
            return layer(x, **kwargs)
        finally:
            attributes["activation"] = activation

    return call


def _named(links: list[Link]) -> list[Link]:
    """Returns the links with `_2` added to the second one of a name, and so on.

    The monitor names layers in the same way.
    """
    seen: set[str] = set()
    named = []
    for link in links:
        name, number = link.name, 1
        while name in seen:
            number += 1
            name = f"{link.name}_{number}"
        seen.add(name)
        named.append(dataclasses.replace(link, name=name))
    return named


def _check_output(chain: Chain, model: keras.Model, training: bool) -> None:
    """Checks that the chain gives the model's output, so that it explains the model."""
    # Each call has its own scope, so that both begin with the same random state and
    # change no variable.
    with keras.StatelessScope(collect_losses=True) as scope:
        output = keras.ops.convert_to_numpy(chain.forward())
    if scope.losses:
        raise ValueError(
            "`model` must have a loss of its output only. Received: model "
            f"{model.name!r} with a layer that adds a loss of its own, as an activity "
            "regularizer does"
        )
    with keras.StatelessScope():
        expected = keras.ops.convert_to_numpy(model(chain.x, training=training))
    output, expected = (np.asarray(a, np.float64) for a in (output, expected))
    if output.shape != expected.shape or not np.allclose(
        output, expected, rtol=1e-3, atol=1e-6, equal_nan=True
    ):
        raise ValueError(
            "`model` must be a chain of layers that pass on their output only, without "
            f"masks. Received: model {model.name!r}, whose layers do not give its "
            "output when they are called one after another"
        )
