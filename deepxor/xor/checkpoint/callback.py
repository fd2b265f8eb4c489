"""Writes a run's checkpoints while it trains."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepxor.events.writer import SummaryWriter
from deepxor.events.written import WrittenFile
from deepxor.xor.checkpoint.checkpoint import Checkpoint, variables
from deepxor.xor.config import Experiment
from deepxor.xor.monitor.callback import ReplicaMonitor
from deepxor.xor.network.model import ReplicaNetwork


class Checkpoints(keras.callbacks.Callback):
    """Writes a checkpoint now and then, at the end of a training batch.

    Args:
        run_dir: The run's folder.
        experiment: The settings of the run.
        monitor: The monitor, whose history is part of the checkpoint.
        writer: The run's writer. Its thread writes each checkpoint after the events
            before it, and once these are on the disk.
        seconds: The shortest time from one checkpoint to the next, in seconds.
    """

    def __init__(
        self,
        run_dir: Path,
        experiment: Experiment,
        monitor: ReplicaMonitor,
        writer: SummaryWriter,
        seconds: float = 1.0,
    ) -> None:
        super().__init__()
        self._run_dir = run_dir
        self._experiment = experiment
        self._monitor = monitor
        self._writer = writer
        self._seconds = seconds
        self._elapsed_before = 0.0
        self._files_before: Sequence[WrittenFile] = ()
        self._start = self._last = time.monotonic()

    @property
    def elapsed(self) -> float:
        """The seconds of training, those before the last resume included."""
        return self._elapsed_before + time.monotonic() - self._start

    def restore(self, checkpoint: Checkpoint, model: ReplicaNetwork) -> None:
        """Sets a model and the monitor to a checkpoint, and goes on from there.

        Args:
            checkpoint: The checkpoint.
            model: The model, as built for the run's experiment.
        """
        for name, variable in variables(model).items():
            variable.assign(checkpoint.variables[name])
        self._monitor.restore(dict(checkpoint.monitor))
        self._elapsed_before = checkpoint.elapsed
        self._files_before = checkpoint.files

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Writes a checkpoint if one is due or the training stops early.

        There is none after the last step, so that nothing after it is written twice.
        """
        is_due = time.monotonic() - self._last >= self._seconds
        if not (is_due or self.model.stop_training):
            return
        if int(self.model.optimizer.iterations) < self._experiment.num_steps:
            self.save()

    def save(self) -> None:
        """Lets the writer's thread write a checkpoint, whole or not at all.

        If that fails, the checkpoint before stays, and a later method of the writer
        raises the error, `close` at the latest.
        """
        self._last = time.monotonic()
        values = {
            # A value that has been read does not change with the variable.
            name: variable.value.read_value()
            for name, variable in variables(self.model).items()
            if name.startswith("optimizer/")
        }
        rows, elapsed = self.model.latest.rows, self.elapsed
        self._writer.after(functools.partial(self._write, values, rows, elapsed))

    def _write(self, values: dict[str, Any], rows: Any, elapsed: float) -> None:
        arrays = {name: np.asarray(value) for name, value in values.items()}
        for i, weight in enumerate(self.model.unpack(rows).weights):
            arrays[f"weight/{i}"] = weight
        # No checkpoint vouches for an event that a failing power supply can take away.
        files = (*self._files_before, self._writer.sync())
        found = Checkpoint(arrays, self._monitor.state(), elapsed, files)
        found.write(self._run_dir, self._experiment)
