"""The layers of a Keras model, as the monitor names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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


def activation_owners(
    model: keras.Model, named: Mapping[str, keras.layers.Layer]
) -> list[tuple[keras.layers.Layer, str]]:
    """Returns the layers that may have an activation, and whose units it acts on.

    Args:
        model: Built.
        named: Of `named_layers`.

    Returns:
        Pairs of a layer and the name of the layer it speaks for: its own; that of the
        layer it is a part of; or, for one without weights, such as `ReLU`, that of the
        nearest layer before it in forward order. Parts of frozen layers are left out.
    """
    names = {id(layer): name for name, layer in named.items()}
    owners: list[tuple[keras.layers.Layer, str]] = []
    latest: str | None = None
    for _, layer in _walk(model, ""):
        if isinstance(layer, keras.Model):
            continue
        if id(layer) in names:
            latest = names[id(layer)]
        elif layer.weights:
            latest = None
        if latest is not None:
            owners += [(part, latest) for part in layer._flatten_layers()]
    return owners


def _walk(model: keras.Model, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _walk(layer, f"{prefix}{layer.name}/")
        else:
            yield prefix + layer.name, layer
    yield prefix + model.name, model
