"""Checkpoints: all that it takes to go on as if a run had never stopped."""

from __future__ import annotations

import functools
import io
import time
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepxor.events.writer import SummaryWriter
from deepxor.runs.atomic import write_atomically
from deepxor.runs.folder import RunError
from deepxor.xor.monitor.callback import ReplicaMonitor

_FILE = "checkpoint.npz"


def last_record(run_dir: Path) -> int:
    """Returns the step of the last record before a run's checkpoint.

    Args:
        run_dir: The run's folder.

    Returns:
        The step, or -1 if there is no checkpoint.

    Raises:
        RunError: If the checkpoint cannot be read.
    """
    arrays = _load(run_dir / _FILE)
    return int(arrays["monitor/step"][-1]) if arrays else -1


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as found:
            arrays = dict(found)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"broken {path}: remove it to start over") from error
    if "monitor/loss_seen" not in arrays:  # until 0.1.0
        raise RunError(
            f"{path} is of an older version of deepxor: remove it to start over"
        )
    return arrays


class Checkpoints(keras.callbacks.Callback):
    """Writes a checkpoint now and then, at the end of a batch.

    Args:
        run_dir: The run's folder.
        monitor: Its history is part of the checkpoint.
        writer: Writes them, each after the events before it, for which it vouches.
        num_steps: Optimizer steps of the whole training. The last one needs none: what
            is written after it is then never written twice.
        seconds: At least this long from one checkpoint to the next.
    """

    def __init__(
        self,
        run_dir: Path,
        monitor: ReplicaMonitor,
        writer: SummaryWriter,
        num_steps: int,
        seconds: float = 1.0,
    ) -> None:
        super().__init__()
        self._path = run_dir / _FILE
        self._monitor = monitor
        self._writer = writer
        self._num_steps = num_steps
        self._seconds = seconds
        self._elapsed_before = 0.0
        self._start = self._last = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before the last resume included."""
        return self._elapsed_before + time.monotonic() - self._start

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Writes a checkpoint where one is due or the training stops."""
        is_due = time.monotonic() - self._last >= self._seconds
        if not (is_due or self.model.stop_training):
            return
        if int(self.model.optimizer.iterations) < self._num_steps:
            self.save()

    def save(self) -> None:
        """Has the writer's thread write one, whole or not at all.

        If it cannot, the one before stays, and the writer raises, at the latest when it
        is closed.
        """
        self._last = time.monotonic()
        arrays = {
            # What is read stays as it is when the next batch assigns to the variable.
            f"optimizer/{i}": variable.value.read_value()
            for i, variable in enumerate(self.model.optimizer.variables)
        }
        arrays["elapsed"] = np.array(self.elapsed)
        rows = self.model.latest.rows
        self._writer.after(functools.partial(self._write, arrays, rows))

    def _write(self, arrays: dict[str, Any], rows: Any) -> None:
        for i, weight in enumerate(self.model.unpack(rows).weights):
            arrays[f"weight/{i}"] = weight
        for name, array in self._monitor.state().items():
            arrays[f"monitor/{name}"] = array
        content = io.BytesIO()
        np.savez(content, **arrays)
        write_atomically(self._path, content.getvalue())

    def restore(self, model: keras.Model) -> None:
        """Sets a model and the monitor to the checkpoint, if there is one.

        Args:
            model: As built for the run's experiment.
        """
        arrays = _load(self._path)
        if not arrays:
            return
        for i, variable in enumerate(model.trainable_variables):
            variable.assign(arrays[f"weight/{i}"])
        for i, variable in enumerate(model.optimizer.variables):
            variable.assign(arrays[f"optimizer/{i}"])
        prefix = "monitor/"
        self._monitor.restore(
            {
                name.removeprefix(prefix): array
                for name, array in arrays.items()
                if name.startswith(prefix)
            }
        )
        self._elapsed_before = float(arrays["elapsed"])

    def remove(self) -> None:
        """Removes the checkpoint of a run that has finished."""
        self._path.unlink(missing_ok=True)
