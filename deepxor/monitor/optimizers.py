"""Finds the optimizers of a model and reads their step counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras


def named_optimizers(model: keras.Model) -> dict[str, keras.optimizers.Optimizer]:
    """Returns the optimizers among a model's attributes, also those in lists and dicts.

    Args:
        model: The model.

    Returns:
        A mapping from the attribute as code would write it, such as `d_optimizer` or
        `optimizers[0]`, to the optimizer. Each optimizer occurs once.
    """
    found: dict[int, tuple[str, keras.optimizers.Optimizer]] = {}
    for name, value in vars(model).items():
        for path, thing in _within(name, value):
            if isinstance(thing, keras.optimizers.Optimizer):
                found.setdefault(id(thing), (path, thing))
    return dict(found.values())


def _within(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{path}[{key!r}]", inner
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield f"{path}[{number}]", inner
    else:
        yield path, value


def step_count(optimizer: keras.optimizers.Optimizer) -> int:
    """Returns how many updates an optimizer has made, by its own count.

    Args:
        optimizer: The optimizer.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return int(inner.iterations.numpy())
