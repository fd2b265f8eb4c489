"""A task of no networks: its results are arithmetic, and it fails where it is told."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from deepxor.sweeps import worker
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.sweep import Sweep


@dataclass(frozen=True)
class ToyExperiment:
    depth: int = 1
    width: int = 1
    gain: float = 1.0

    def __post_init__(self) -> None:
        if not self.depth >= 1:
            raise ValueError(f"`depth` must be at least 1. Received: {self.depth}")


@dataclass(frozen=True)
class ToyTask:
    """Describes networks that fail in a cell of this width, and how.

    Attributes:
        width: The width of the cells that fail.
        what: "raise", "memory", "sleep", or "kill" for the end of the process.
        log: A file that gets a line for each network that is trained.
        times: How often a process is killed; afterwards it is not.
        is_light: Whether processes that train it load no TensorFlow, for speed.
    """

    width: int = -1
    what: str = "raise"
    log: str = ""
    times: int = 10**6
    is_light: bool = True

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy"
    score: ClassVar[str] = "solved"
    threads: ClassVar[int] = 1
    axes: ClassVar[tuple[str, ...]] = ("depth", "width", "gain")
    columns: ClassVar[dict[str, type]] = {
        "solved": int,
        "cost": float,
        "first_gradient": float,
        "last_gradient": float,
        "verdict": str,
    }

    def __reduce__(self) -> tuple[Any, ...]:
        return _toy_task, tuple(vars(self).values())

    def experiment(self, settings: Mapping[str, Any]) -> ToyExperiment:
        return ToyExperiment(**settings)

    def settings(self, experiment: ToyExperiment) -> dict[str, Any]:
        return dict(vars(experiment))

    def common(self, experiment: ToyExperiment) -> int:
        return experiment.depth

    def side_by_side(self, experiment: ToyExperiment) -> int:
        return 4

    def work(self, experiment: ToyExperiment) -> float:
        return float(experiment.depth)

    def train(
        self, experiments: Sequence[ToyExperiment], replicas: Sequence[int]
    ) -> list[dict[str, Any]]:
        if self.log:
            with Path(self.log).open("a") as file:
                for each, replica in zip(experiments, replicas, strict=True):
                    line = (os.getpid(), each.depth, each.width, replica, time.time())
                    print(*line, file=file)
        if any(each.width == self.width for each in experiments):
            self._fail()
        return [self._result(*pair) for pair in zip(experiments, replicas, strict=True)]

    def _fail(self) -> None:
        if self.what == "raise":
            raise ArithmeticError('no "kernel", no\nbias,\ttoo: \x1b[31m\udcff')
        if self.what == "memory":
            raise MemoryError
        if self.what == "sleep":
            time.sleep(1)
        if self.what == "kill":
            deaths = Path(f"{self.log}.deaths")
            before = deaths.read_text() if deaths.exists() else ""
            if len(before) < self.times:
                deaths.write_text(before + "x")
                os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def _result(experiment: ToyExperiment, replica: int) -> dict[str, Any]:
        solved = int((replica + experiment.width) % 3 > 0)
        return {
            "solved": solved,
            "cost": 1 / (3 + replica),
            "first_gradient": 10.0**-experiment.depth,
            "last_gradient": 0.1 if replica else float("nan"),
            "verdict": "healthy" if solved else "vanishing",
        }


def _toy_task(*fields: Any) -> ToyTask:
    """Returns the task in the process to which it was sent."""
    task = ToyTask(*fields)
    if task.is_light:
        worker.prepare = lambda threads: None  # type: ignore[assignment]
    return task


def results(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Returns what of rows must be equal to the bit, by network."""
    # Rows that come from the file have the cell's values, too.
    left_out = ("chunk", "depth", "width", "seconds")
    found = [{k: repr(v) for k, v in r.items() if k not in left_out} for r in rows]
    return sorted(found, key=lambda row: (int(row["cell"]), int(row["replica"])))


def toy_sweep(
    task: ToyTask | None = None, replicas: int = 3, fixed: dict[str, Any] | None = None
) -> Sweep:
    """Returns a sweep of three depths and two widths."""
    axes = (Axis("depth", (1, 2, 3)), Axis("width", (5, 6)))
    return Sweep(task or ToyTask(), axes, replicas, fixed or {})


def toy_rows(sweep: Sweep, chunk: Any) -> list[dict[str, Any]]:
    """Returns the rows of a chunk, as a worker returns them."""
    results = sweep.task.train(chunk.experiments, chunk.replicas)
    return [
        {"cell": cell, "replica": replica, **result, "seconds": 0.125, "error": ""}
        for cell, replica, result in zip(
            chunk.cells, chunk.replicas, results, strict=True
        )
    ]
