"""A sweep: its cells, and the chunks in which their networks are trained."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deepxor.checks import refuse
from deepxor.sweeps.axis import Axis, Value, check_axes
from deepxor.sweeps.cells import Cells, summarise
from deepxor.sweeps.task import Task

# A sweep of more networks is a slip of the keyboard.
MAX_NETWORKS = 10_000_000


@dataclass(frozen=True)
class Chunk:
    """Describes networks that are trained side by side.

    Attributes:
        number: The number of the chunk in its sweep, from 0.
        kind: The number of its kind, from 0: chunks of a kind share what is compiled.
        cells: The number of each network's cell.
        replicas: The number of each network in its cell.
        experiments: The experiment of each network.
        size: The number of networks that the compiled training is made for, which is
            that of the other chunks of the same kind; at least the number of networks.
    """

    number: int
    kind: int
    cells: tuple[int, ...]
    replicas: tuple[int, ...]
    experiments: tuple[Any, ...]
    size: int


@dataclass(frozen=True)
class Sweep:
    """Describes a sweep; equal sweeps train to the same bit on one kind of CPU.

    The chunks do not depend on the machine nor on how many processes share them.

    Attributes:
        task: The task.
        axes: The one or two axes.
        replicas: The number of networks in each cell, at least 1.
        fixed: The other settings by name; what is not given has the task's default.

    Raises:
        ValueError: If an axis is wrong, a setting is out of range or given twice, or
            a cell cannot be built.
    """

    task: Task
    axes: tuple[Axis, ...]
    replicas: int
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_axes(self.axes, self.task.axes)
        for axis in self.axes:
            if axis.name in self.fixed:
                value = self.fixed[axis.name]
                raise ValueError(
                    f"`{axis.name}` must not be an axis and given, too. Received: "
                    f"{axis.name}={value!r}"
                )
        if type(self.replicas) is not int or self.replicas < 1:
            refuse("replicas", self.replicas, "an integer of at least 1")
        count = math.prod(len(axis.values) for axis in self.axes) * self.replicas
        if count > MAX_NETWORKS:
            raise ValueError(
                f"A sweep must have at most {MAX_NETWORKS:,} networks. Received: "
                f"{count:,}"
            )
        self.experiments  # noqa: B018  each cell checks its settings when it is made

    @functools.cached_property
    def values(self) -> tuple[dict[str, Value], ...]:
        """The values of the axes by name in every cell, in the order of the cells."""
        names = [axis.name for axis in self.axes]
        products = itertools.product(*(axis.values for axis in self.axes))
        return tuple(dict(zip(names, values, strict=True)) for values in products)

    @functools.cached_property
    def experiments(self) -> tuple[Any, ...]:
        """The experiment of every cell, in the order of the axes' product."""
        return tuple(map(self._experiment, self.values))

    def _experiment(self, values: Mapping[str, Any]) -> Any:
        try:
            return self.task.experiment({**self.fixed, **values})
        except ValueError as error:
            cell = ", ".join(f"{name}={value}" for name, value in values.items())
            raise ValueError(f"Cell {cell}: {error}") from None

    @functools.cached_property
    def chunks(self) -> tuple[Chunk, ...]:
        """The chunks, those of the most work first, so that none is late at the end."""
        groups: dict[Hashable, list[int]] = {}
        for cell, experiment in enumerate(self.experiments):
            groups.setdefault(self.task.common(experiment), []).append(cell)
        ordered = sorted(
            groups.values(),
            key=lambda group: -self.task.work(self.experiments[group[0]]),
        )
        chunks: list[Chunk] = []
        for kind, group in enumerate(ordered):
            # A first network of every cell, then a second one: the map grows evenly.
            networks = [(cell, r) for r in range(self.replicas) for cell in group]
            most = self.task.side_by_side(self.experiments[group[0]])
            count = math.ceil(len(networks) / most)
            # All chunks of a group have one size, so that they share what is compiled.
            size = math.ceil(len(networks) / count)
            for start in range(0, len(networks), size):
                cells, replicas = zip(*networks[start : start + size], strict=True)
                experiments = tuple(self.experiments[cell] for cell in cells)
                number = len(chunks)
                chunks.append(Chunk(number, kind, cells, replicas, experiments, size))
        return tuple(chunks)

    def cells(self, rows: Iterable[Mapping[str, Any]]) -> Cells:
        """Returns the table of the cells from the rows of networks, as they are kept.

        Args:
            rows: The rows of the networks that have been trained, or could not be.
        """
        return summarise(self.axes, self.task.score, rows)

    @functools.cached_property
    def common_settings(self) -> dict[str, Any]:
        """The settings by name that all cells have in common, with their defaults."""
        settings: dict[str, Any] = self.task.settings(self.experiments[0])
        names = [axis.name for axis in self.axes]
        return {name: v for name, v in settings.items() if name not in names}

    def facts(self) -> list[tuple[str, Any]]:
        """Returns the names and values of the settings that all cells have."""
        known = [
            (name.replace("_", " "), value)
            for name, value in self.common_settings.items()
            if value is not None and value is not False
        ]
        return [("task", self.task.name), ("networks a cell", self.replicas), *known]

    @property
    def title(self) -> str:
        """What a picture of the sweep is called."""
        settings = self.common_settings
        names = ("dataset", "network", "activation")
        parts = [str(settings[name]) for name in names if settings.get(name)]
        parts += ["residual"] if settings.get("residual") else []
        for name in ("depth", "width"):
            parts += [f"{name} {settings[name]}"] if settings.get(name) else []
        count = "1 network" if self.replicas == 1 else f"{self.replicas} networks"
        return ", ".join([self.task.title, *parts, f"{count} a cell"])

    @property
    def count(self) -> int:
        """The number of networks of the sweep."""
        return len(self.experiments) * self.replicas

    def to_json(self) -> dict[str, Any]:
        """Returns the settings by name as JSON types."""
        return {
            "task": self.task.name,
            # In a list, as the order of the axes is that of the cells.
            "axes": [
                {"name": axis.name, "values": list(axis.values)} for axis in self.axes
            ],
            "replicas": self.replicas,
            "fixed": {name: _listed(value) for name, value in self.fixed.items()},
        }

    @property
    def name(self) -> str:
        """The default name of the sweep's folder, which other settings do not share."""
        settings = json.dumps(self.to_json(), sort_keys=True)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:6]
        return "-".join([*(axis.name for axis in self.axes), self.task.name, digest])


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
