"""The layers of a Keras model, as the monitor names, orders and recognizes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from deepxor import compat


@dataclass(frozen=True)
class Row:
    """A layer with something to train.

    Attributes:
        name: As the monitor names it.
        layer: The layer, or the model whose own weights these are.
        variables: Those of it that are trained.
        is_inner: Whether there are layers inside it that have rows of their own.
    """

    name: str
    layer: keras.layers.Layer
    variables: tuple[keras.Variable, ...]
    is_inner: bool


class _Part(NamedTuple):
    """A layer that is looked at as a whole, or one that others are inside of."""

    path: str
    layer: keras.layers.Layer
    is_inner: bool


def named_rows(model: keras.Model) -> list[Row]:
    """Returns the layers of a model that have something to train, as declared.

    Args:
        model: Built; models inside it, and layers of somebody's own that are made of
            layers, are looked into. A layer of Keras's that is made of layers, such as
            `Bidirectional`, is one.

    Returns:
        In the order of the attributes. A layer of an inner model or layer is named
        `inner/layer`. A layer that is used twice is named once; of two layers of the
        same name the second gets a `_2`, and so on. Weights that a model or such a
        layer holds itself come last of it, under its own name.
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
    """Whether the layers inside a layer are looked at in its place.

    Args:
        layer: A layer or a model.
    """
    if isinstance(layer, keras.Model):
        return True
    return not compat.is_composite(layer) and bool(compat.sublayers(layer))


def tensor_key(tensor: Any) -> Hashable:
    """Returns what a tensor is known by, as long as somebody holds it."""
    graph = getattr(tensor, "graph", None) if hasattr(tensor, "op") else None
    return id(tensor) if graph is None else (id(graph), tensor.name)


class CallLog:
    """Which layers a training step has called, in which order, with which tensors.

    Args:
        parents: Returns the tensors that a tensor was computed from, as far as they
            are known; none for one that is computed eagerly.
    """

    def __init__(self, parents: Callable[[Any], Sequence[Any]]) -> None:
        self._parents = parents
        self._clock = 0
        self._begun: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._producers: dict[Hashable, tuple[keras.layers.Layer, list[Any]]] = {}
        # Lest an id be given to another one.
        self._held: list[Any] = []

    def begin(self, layer: keras.layers.Layer) -> None:
        """Takes note that a layer is called.

        Args:
            layer: The layer.
        """
        self._clock += 1
        self._begun.setdefault(id(layer), self._clock)
        self._held.append(layer)

    def end(self, layer: keras.layers.Layer, inputs: Any, outputs: Any) -> None:
        """Takes note of what a layer has made.

        Args:
            layer: The layer.
            inputs: Its arguments, nested.
            outputs: What it returns, nested.
        """
        self._clock += 1
        self._ended.setdefault(id(layer), self._clock)
        if is_container(layer):
            return  # the layers inside have made it
        tensors = _tensors(inputs)
        for output in _tensors(outputs):
            self._held.append(output)
            self._producers.setdefault(tensor_key(output), (layer, tensors))

    def position(self, layer: keras.layers.Layer, is_inner: bool = False) -> int | None:
        """Returns when a layer was called first, or had ended; None if it was not.

        Args:
            layer: The layer.
            is_inner: Whether to return when it had ended, after the layers inside.
        """
        return (self._ended if is_inner else self._begun).get(id(layer))

    def latest_before(
        self, layer: keras.layers.Layer, others: Iterable[keras.layers.Layer]
    ) -> keras.layers.Layer | None:
        """Returns which of some layers was called last before another one.

        Args:
            layer: The one.
            others: Those to choose from.
        """
        end = self._begun.get(id(layer), 0)
        before = [x for x in others if self._begun.get(id(x), end) < end]
        return max(before, key=lambda x: self._begun[id(x)], default=None)

    def sources(
        self, tensor: Any, is_source: Callable[[keras.layers.Layer], bool]
    ) -> list[keras.layers.Layer]:
        """Returns the nearest layers of a kind that a tensor was computed from.

        Args:
            tensor: The tensor.
            is_source: Whether a layer is of the kind.

        Returns:
            The layers, the one called last in front.
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
    """Returns rows in the order in which data passes their layers.

    Args:
        rows: As declared.
        log: Of a training step. A layer that was not called, since somebody calls its
            `call`, stays behind the one declared before it.
        unreached: Names of those that the loss does not depend on; they come last.
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
    """Says whose units an activation acts on.

    Args:
        model: Built.
        rows: Those of its layers that have one.
        log: Of the training step.
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
        """Returns the layer that a layer is a part of, most often itself.

        Args:
            layer: The layer.
        """
        return self._whole.get(id(layer), layer)

    def row(self, layer: keras.layers.Layer, inputs: Any) -> int | None:
        """Returns the row of the units that an activation acts on.

        Its own layer's; or, of one without weights, such as `ReLU`, that of the nearest
        layer with weights that its inputs come from, and of several, as behind an
        addition, the one called last.

        Args:
            layer: The layer whose activation it is.
            inputs: What the activation got.

        Returns:
            Its number, or None where that is frozen, or there is none.
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
        """Where no graph tells: the layer with weights called last before."""
        if hasattr(inputs, "op"):
            return None
        weighted = [x for x in self._whole.values() if x.weights]
        return self._log.latest_before(layer, weighted)


def unit_axis(layer: keras.layers.Layer) -> int:
    """Returns which axis of a layer's outputs has its units.

    Args:
        layer: The layer that makes them.
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer.axis if isinstance(layer.axis, int) else -1
    return 1 if getattr(layer, "data_format", None) == "channels_first" else -1
