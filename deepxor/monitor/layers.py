"""The layers of a Keras model, as the monitor names them."""

from __future__ import annotations

from collections.abc import Iterator

import keras


def named_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """Returns the layers of a model that have something to train.

    Args:
        model: Built; models inside it are looked into.

    Returns:
        Name -> layer in forward order (for a subclassed model, that of its attributes).
        A layer of an inner model is named `inner/layer`. A layer that is used twice is
        named once; of two layers of the same name the second gets a `_2`, and so on.
        Weights that a model holds itself come last, under its own name.
    """
    named: dict[str, keras.layers.Layer] = {}
    seen: set[int] = set()
    for path, layer in _walk(model, ""):
        own = [v for v in layer.trainable_variables if id(v) not in seen]
        if not own:
            continue
        seen.update(map(id, own))
        name, number = path, 1
        while name in named:
            number += 1
            name = f"{path}_{number}"
        named[name] = layer
    return named


def _walk(model: keras.Model, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _walk(layer, f"{prefix}{layer.name}/")
        else:
            yield prefix + layer.name, layer
    yield prefix + model.name, model
