"""Reads the facts of a compiled model that say what it can answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from deepxor import compat
from deepxor.monitor.engine.base import OutputView, StepView
from deepxor.monitor.layers import Owners, Row, named_rows
from deepxor.text import snake_case

# Layers that leave the values of an output as they are.
RESHAPING = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute)

# Operations of TensorFlow that are activations, if the model itself calls them.
ACTIVATION_OPERATIONS = (
    "Elu",
    "Relu",
    "Relu6",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
)


def model_facts(view: StepView) -> dict[str, Any]:
    """Returns the facts of a compiled model, as seen in its first step.

    Args:
        view: The view of that step.

    Returns:
        A mapping that can be written as JSON. "outputs" maps the name of an output to
        its "layer", "activation", "units", "loss", "from_logits" and "dropout", the
        rate of a dropout that comes after the layer. "hidden" lists the layers before
        the outputs, each with its "layer", "activation" and "units". "dropout" maps the
        name of a layer to its rate; "metrics" is a list of names, and "optimizer" a
        name. What is not known is None.
    """
    outputs = {output.name: _output_facts(output, view) for output in view.outputs}
    last = {facts["layer"] for facts in outputs.values()}
    model = view.model
    rows = named_rows(model)
    later = _later_activations(view, rows)
    hidden = [
        {
            "layer": row.name,
            "activation": later.get(number, _activation(row.layer)),
            "units": _units(row.layer),
        }
        for number, row in enumerate(rows)
        if row.layer.name not in last
    ]
    optimizer = getattr(model, "optimizer", None)
    return {
        "outputs": outputs,
        "hidden": hidden,
        "dropout": {x.name: x.rate for x in compat.parts(model) if _is_dropout(x)},
        "metrics": _metrics(model),
        "optimizer": None if optimizer is None else optimizer.name,
    }


def _output_facts(output: OutputView, view: StepView) -> dict[str, Any]:
    """Returns the facts of an output, read from the layers it has come through."""
    name, from_logits = loss_facts(output.loss)
    shape = output.predictions.shape
    facts: dict[str, Any] = {
        "layer": None,
        "activation": None,
        "units": None if not shape.rank or shape.rank < 2 else shape[-1],
        "loss": name,
        "from_logits": from_logits,
        "dropout": None,
    }
    tensor = output.predictions
    operation = tensor.op.type if hasattr(tensor, "op") else None
    while (found := view.calls.producer(tensor)) is not None:
        layer, inputs = found
        if _is_dropout(layer):
            facts["dropout"] = facts["dropout"] or layer.rate
        elif not isinstance(layer, RESHAPING):
            facts["activation"] = facts["activation"] or _activation(layer)
            facts["layer"] = layer.name
        is_on_the_way = _is_dropout(layer) or not layer.weights
        if not is_on_the_way or len(inputs) != 1:
            break
        if facts["activation"] == "linear":
            facts["activation"] = None
        tensor = inputs[0]
    if facts["layer"] is None and operation in ACTIVATION_OPERATIONS:
        facts["activation"] = snake_case(operation)
    return facts


def loss_facts(loss: Any) -> tuple[str | None, bool | None]:
    """Returns Keras's name of a loss, and whether it takes logits.

    Args:
        loss: The loss of an output as `compile` takes it.

    Returns:
        The name, such as "mean_squared_error", and whether it takes logits, None if
        that makes no difference; None twice for a loss that is not Keras's own.
    """
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    if loss is None or not compat.is_of_keras(
        loss if hasattr(loss, "__name__") else type(loss)
    ):
        return None, None
    name = getattr(loss, "__name__", None) or snake_case(type(loss).__name__)
    config = loss.get_config() if hasattr(loss, "get_config") else {}
    default = False if "crossentropy" in name else None
    return name, config.get("from_logits", default)


def _activation(layer: keras.layers.Layer) -> str | None:
    """Returns the name of the activation at the end of a layer, if it has one."""
    if isinstance(layer, keras.layers.Wrapper) and hasattr(layer, "layer"):
        return _activation(layer.layer)
    if compat.is_activation_layer(layer) and not hasattr(layer, "activation"):
        return snake_case(type(layer).__name__)
    if not hasattr(layer, "activation"):
        return None
    activation = layer.activation
    if activation is None:
        return "linear"
    if isinstance(activation, keras.layers.Layer):
        return _activation(activation) or snake_case(type(activation).__name__)
    return getattr(activation, "__name__", None)


def _later_activations(view: StepView, rows: Sequence[Row]) -> dict[int, str]:
    """Returns the activations that layers of their own apply to the outputs of rows."""
    owners = Owners(view.model, rows, view.calls)
    found = {}
    for call in view.activations:
        row = owners.row(call.layer, call.kept)
        if row is not None and call.layer is not rows[row].layer:
            name = _activation(call.layer)
            if name is not None:
                found[row] = name
    return found


def _units(layer: keras.layers.Layer) -> int | None:
    for name in ("units", "filters", "output_dim"):
        value = getattr(layer, name, None)
        if isinstance(value, int):
            return value
    return None


def _is_dropout(layer: keras.layers.Layer) -> bool:
    return "Dropout" in type(layer).__name__ and isinstance(
        getattr(layer, "rate", None), int | float
    )


def _metrics(model: keras.Model) -> list[str]:
    """Returns the names of the metrics that the model was compiled with."""
    leaves = keras.tree.flatten(compat.compiled_metrics(model))
    names = (
        leaf
        if isinstance(leaf, str)
        else getattr(leaf, "name", None) or getattr(leaf, "__name__", None)
        for leaf in leaves
    )
    return [str(name) for name in names if name is not None]
