"""Takes apart what a training step's loss is computed from, output by output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from deepxor import compat
from deepxor.monitor.engine.base import OutputView


def outputs_of(
    model: keras.Model, targets: Any, predictions: Any, sample_weight: Any
) -> list[OutputView]:
    """Returns the outputs that a loss is computed from, as `compile` pairs them.

    Args:
        model: The compiled model.
        targets: The targets: a tensor, or a list or dictionary of tensors.
        predictions: The predictions, of the same structure.
        sample_weight: The sample weights, a tensor or of the same structure; None
            without any.

    Returns:
        One view for each output that has a loss. It is empty if targets and predictions
        do not go together, or if a tensor of them is sparse or ragged.
    """
    named = _named(model, predictions)
    names = list(named)
    if not names:
        return []
    of_targets = _by_name(targets, names)
    losses = _by_name(getattr(model, "loss", None), names, is_shared=True)
    weights = _by_name(sample_weight, names, is_shared=True)
    views = []
    for name, prediction in named.items():
        target = of_targets.get(name)
        if not (_is_dense(target) and _is_dense(prediction)):
            return []
        if losses.get(name) is None and len(names) > 1:
            continue  # an output that is not trained
        known = [weights.get(name), compat.mask_of(prediction)]
        views.append(
            OutputView(
                name,
                losses.get(name),
                target,
                prediction,
                [x for x in known if _is_dense(x)],
            )
        )
    return views


def _named(model: keras.Model, predictions: Any) -> dict[str, Any]:
    """Returns the predictions by the names of the outputs."""
    if isinstance(predictions, Mapping):
        return {str(name): value for name, value in predictions.items()}
    many = list(predictions) if isinstance(predictions, list | tuple) else [predictions]
    names = [str(name) for name in getattr(model, "output_names", None) or []]
    if len(names) != len(many) or len(set(names)) != len(names):
        names = [f"output_{number}" for number in range(1, len(many) + 1)]
        names = ["output"] if len(many) == 1 else names
    return dict(zip(names, many, strict=True))


def _by_name(
    value: Any, names: Sequence[str], is_shared: bool = False
) -> dict[str, Any]:
    """Returns what belongs to each output: by its name, its place, or to all alike."""
    if isinstance(value, Mapping):
        found = {name: value[name] for name in names if name in value}
        if found:
            return found
        value = list(value.values())
    if isinstance(value, list | tuple):
        return dict(zip(names, value, strict=False)) if len(value) == len(names) else {}
    if is_shared or len(names) == 1:
        return dict.fromkeys(names, value)
    return {}


def _is_dense(tensor: Any) -> bool:
    return isinstance(tensor, tf.Tensor)
