"""Finds where a model's inputs enter its layers with weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from deepxor.monitor.engine.base import StepView
from deepxor.monitor.layers import Row, tensor_key

# The scale of what these layers take does not matter: token ids, or numbers that the
# layer itself brings to scale.
SCALE_FREE = (
    keras.layers.BatchNormalization,
    keras.layers.Embedding,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Normalization,
    keras.layers.UnitNormalization,
)


def entry_tensors(view: StepView, rows: Sequence[Row]) -> dict[str, Any]:
    """Returns the tensors that enter the first layers of a model.

    These are the inputs of layers with weights that depend on no other layer with
    weights: the data as the model sees them, after any layer that scales them. Layers
    for which the scale does not matter are left out.

    Args:
        view: The view of the step.
        rows: The recorded layers, which give the names.

    Returns:
        Maps the name of the layer to a tensor [batch, ...].
    """
    names = {id(row.layer): row.name for row in rows}
    found: dict[Any, tuple[str, Any]] = {}
    for number, call in enumerate(view.layer_calls):
        if isinstance(call.layer, SCALE_FREE):
            continue
        # In eager mode it is not known what operations between layers depend on.
        if view.is_eager and number:
            continue
        for tensor in call.inputs:
            if not (tensor.shape.rank and (_is_number(tensor))):
                continue
            if not view.calls.sources(tensor, lambda layer: bool(layer.weights)):
                name = names.get(id(call.layer), call.layer.name)
                # A layer that contains the one before it is called with the same
                # tensor, and its call ends later.
                found[tensor_key(tensor)] = (name, tensor)
    tensors: dict[str, Any] = {}
    for name, tensor in found.values():
        number = 1 + sum(known.split("#")[0] == name for known in tensors)
        tensors[name if number == 1 else f"{name}#{number}"] = tensor
    return tensors


def _is_number(tensor: Any) -> bool:
    return bool(tensor.dtype.is_floating or tensor.dtype.is_integer)
