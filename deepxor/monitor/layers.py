"""Names, orders and recognizes the layers of a Keras model for the monitor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from deepxor import compat


@dataclass(frozen=True)
class Row:
    """Describes a layer that has trainable variables: one row of the records.

    Attributes:
        name: The name that the monitor gives the layer.
        layer: The layer, or the model or container that holds the variables itself.
        variables: The layer's trainable variables.
        is_inner: Whether the layer is a container, whose inner layers have rows of
            their own.
    """

    name: str
    layer: keras.layers.Layer
    variables: tuple[keras.Variable, ...]
    is_inner: bool


class _Part(NamedTuple):
    """Describes a layer that is looked at as a whole, or a container of layers."""

    path: str
    layer: keras.layers.Layer
    is_inner: bool


def named_rows(model: keras.Model) -> list[Row]:
    """Returns the layers of a model that have trainable variables.

    Inner models, and custom layers that are made of layers, are containers: their inner
    layers get rows of their own. A Keras layer that is made of layers, such as
    `Bidirectional`, is one row.

    Args:
        model: The built model.

    Returns:
        The rows in the order of the attributes. A layer inside a container is named
        `inner/layer`. A layer that is used twice has one row; of two layers with the
        same name the second gets the suffix `_2`, and so on. Weights that a model or
        another container holds itself come after those of its layers, under its own
        name.
    """
    rows: list[Row] = []
    names: set[str] = set()
    seen: set[int] = set()
    for path, layer, is_inner in _walk(model, "", set()):
        own = [v for v in layer.trainable_variables if id(v) not in seen]
        if not own:
            continue
        seen.update(map(id, own))
        name, number = path, 1
        while name in names:
            number += 1
            name = f"{path}_{number}"
        names.add(name)
        rows.append(Row(name, layer, tuple(own), is_inner))
    return rows


def _walk(owner: keras.layers.Layer, prefix: str, seen: set[int]) -> Iterator[_Part]:
    seen.add(id(owner))
    for layer in children(owner):
        if id(layer) in seen:
            continue
        if is_container(layer):
            yield from _walk(layer, f"{prefix}{layer.name}/", seen)
        else:
            yield _Part(prefix + layer.name, layer, False)
    is_model = isinstance(owner, keras.Model)
    path = prefix + owner.name if is_model else prefix.removesuffix("/")
    yield _Part(path, owner, True)


def children(owner: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers directly inside a layer or a model.

    Args:
        owner: The layer or the model.
    """
    if isinstance(owner, keras.Model):
        return owner.layers
    return compat.sublayers(owner)


def is_container(layer: keras.layers.Layer) -> bool:
    """Whether the layers inside a layer are looked at instead of the layer itself.

    Args:
        layer: A layer or a model.
    """
    if isinstance(layer, keras.Model):
        return True
    return not compat.is_composite(layer) and bool(compat.sublayers(layer))


def tensor_key(tensor: Any) -> Hashable:
    """Returns a key that identifies a tensor as long as the tensor exists.

    Args:
        tensor: A tensor, eager, of a graph or symbolic.
    """
    graph = getattr(tensor, "graph", None) if hasattr(tensor, "op") else None
    return id(tensor) if graph is None else (id(graph), tensor.name)


class CallLog:
    """Logs which layers a training step calls, in which order and with which tensors.

    Args:
        parents: A function that returns the tensors that a tensor was computed from, as
            far as they are known; none for an eager tensor.
    """

    def __init__(self, parents: Callable[[Any], Sequence[Any]]) -> None:
        self._parents = parents
        self._clock = 0
        self._begun: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._producers: dict[Hashable, tuple[keras.layers.Layer, list[Any]]] = {}
        # Python may reuse the id of an object that is gone, so these are kept alive.
        self._held: list[Any] = []

    def begin(self, layer: keras.layers.Layer) -> None:
        """Logs that a call of a layer begins.

        Args:
            layer: The layer that is called.
        """
        self._clock += 1
        self._begun.setdefault(id(layer), self._clock)
        self._held.append(layer)

    def end(self, layer: keras.layers.Layer, inputs: Any, outputs: Any) -> None:
        """Logs that a call of a layer has ended, and what it returned.

        Args:
            layer: The layer that was called.
            inputs: The arguments of the call, a nested structure.
            outputs: The result of the call, a nested structure.
        """
        self._clock += 1
        self._ended.setdefault(id(layer), self._clock)
        if is_container(layer):
            return  # the layers inside it have produced the outputs
        tensors = _tensors(inputs)
        for output in _tensors(outputs):
            self._held.append(output)
            self._producers.setdefault(tensor_key(output), (layer, tensors))

    def position(self, layer: keras.layers.Layer, is_inner: bool = False) -> int | None:
        """Returns the position of a layer's first call in the order of all calls.

        Args:
            layer: The layer.
            is_inner: Whether to return the position at which the call ended, which is
                after the calls of the layers inside it, and not where it began.

        Returns:
            A number that rises with time, or None if the layer was not called.
        """
        return (self._ended if is_inner else self._begun).get(id(layer))

    def latest_before(
        self, layer: keras.layers.Layer, others: Iterable[keras.layers.Layer]
    ) -> keras.layers.Layer | None:
        """Returns the layer that was called last before a given layer.

        Args:
            layer: The given layer.
            others: The layers to choose from.

        Returns:
            One of `others`, or None if none of them was called before.
        """
        end = self._begun.get(id(layer), 0)
        before = [x for x in others if self._begun.get(id(x), end) < end]
        return max(before, key=lambda x: self._begun[id(x)], default=None)

    def producer(self, tensor: Any) -> tuple[keras.layers.Layer, list[Any]] | None:
        """Returns the layer that returned a tensor, and the tensors it was called with.

        Args:
            tensor: The tensor.

        Returns:
            None if no layer returned it, as it is computed from a layer's outputs.
        """
        return self._producers.get(tensor_key(tensor))

    def sources(
        self, tensor: Any, is_source: Callable[[keras.layers.Layer], bool]
    ) -> list[keras.layers.Layer]:
        """Returns the nearest layers of some kind that a tensor was computed from.

        Args:
            tensor: The tensor.
            is_source: A function that returns whether a layer is of that kind.

        Returns:
            The layers; the one that was called last comes first.
        """
        found: dict[int, keras.layers.Layer] = {}
        seen: set[Hashable] = set()
        pending = [tensor]
        while pending:
            here = pending.pop()
            key = tensor_key(here)
            if key in seen:
                continue
            seen.add(key)
            self._held.append(here)
            layer, inputs = self._producers.get(key, (None, None))
            if layer is None:
                pending += self._parents(here)
            elif is_source(layer):
                found[id(layer)] = layer
            else:
                pending += inputs or []
        return sorted(found.values(), key=lambda x: -self._begun.get(id(x), 0))


def _tensors(nested: Any) -> list[Any]:
    return [x for x in keras.tree.flatten(nested) if hasattr(x, "dtype")]


def in_forward_order(
    rows: Sequence[Row], log: CallLog, unreached: Collection[str] = ()
) -> list[Row]:
    """Returns rows in the order in which data passes through their layers.

    Args:
        rows: The rows in the order in which the model declares them.
        log: The calls of a training step. A layer without a call in it, for instance
            since the model uses its `call` directly, follows the layer that is declared
            before it.
        unreached: The names of layers that the loss does not depend on; they come last.
    """
    positions: list[float] = []
    for row in rows:
        position = log.position(row.layer, row.is_inner)
        before = positions[-1] if positions else 0
        positions.append(before if position is None else position)
    order = sorted(
        range(len(rows)), key=lambda i: (rows[i].name in unreached, positions[i], i)
    )
    return [rows[i] for i in order]


class Owners:
    """Finds the layer whose units an activation acts on.

    Args:
        model: The built model.
        rows: The rows of the model's layers.
        log: The calls of the training step.
    """

    def __init__(self, model: keras.Model, rows: Sequence[Row], log: CallLog) -> None:
        self._log = log
        self._row_of = {id(row.layer): number for number, row in enumerate(rows)}
        self._whole: dict[int, keras.layers.Layer] = {}
        for _, layer, is_inner in _walk(model, "", set()):
            if not is_inner:
                for part in compat.parts(layer):
                    self._whole.setdefault(id(part), layer)

    def whole(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """Returns the whole layer that a layer is part of, most often the layer itself.

        Args:
            layer: The layer, perhaps one inside a composite layer of Keras.
        """
        return self._whole.get(id(layer), layer)

    def row(self, layer: keras.layers.Layer, inputs: Any) -> int | None:
        """Returns the row of the units that an activation acts on.

        If the activation's layer has weights, this is the row of that layer. For a
        layer without weights, such as `ReLU`, it is the row of the nearest layer with
        weights that the inputs come from. Of several such layers, as behind an
        addition, it is the one called last.

        Args:
            layer: The layer that the activation belongs to.
            inputs: The tensor that the activation was applied to.

        Returns:
            The index of the row, or None if the layer is frozen or none was found.
        """
        whole = self.whole(layer)
        if whole.weights:
            return self._row_of.get(id(whole))
        sources = self._log.sources(inputs, lambda x: bool(self.whole(x).weights))
        source = sources[0] if sources else self._eager_source(layer, inputs)
        return None if source is None else self._row_of.get(id(self.whole(source)))

    def _eager_source(
        self, layer: keras.layers.Layer, inputs: Any
    ) -> keras.layers.Layer | None:
        """Returns the layer with weights called last before an eager activation.

        In eager mode no graph says which layers the inputs were computed from.
        """
        if hasattr(inputs, "op"):
            return None
        weighted = [x for x in self._whole.values() if x.weights]
        return self._log.latest_before(layer, weighted)


def unit_axis(layer: keras.layers.Layer) -> int:
    """Returns the axis of a layer's outputs along which its units lie.

    Args:
        layer: The layer that produces the outputs.
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer.axis if isinstance(layer.axis, int) else -1
    return 1 if getattr(layer, "data_format", None) == "channels_first" else -1
