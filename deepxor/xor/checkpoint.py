"""Checkpoints, from which a run goes on as if it had never stopped."""

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
        The number of the step, or -1 if there is no checkpoint, or no record before it,
        as a run that is stopped while its loop is compiled has none.

    Raises:
        RunError: If the checkpoint cannot be read.
    """
    steps = _load(run_dir / _FILE).get("monitor/step", np.zeros(0))
    return int(steps[-1]) if len(steps) else -1


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as found:
            arrays = dict(found)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"broken {path}: remove it to start over") from error
    if "monitor/recent_step" not in arrays:  # as in version 0.1.0
        raise RunError(
            f"{path} is of an older version of deepxor: remove it to start over"
        )
    return arrays


class Checkpoints(keras.callbacks.Callback):
    """Writes a checkpoint now and then, at the end of a training batch.

    Args:
        run_dir: The run's folder.
        monitor: The monitor, whose history is part of the checkpoint.
        writer: The run's writer. Its thread writes each checkpoint after the events
            before it, so that these are in the event file if the checkpoint is there.
        num_steps: The number of optimizer steps of the whole training. There is no
            checkpoint after the last step, so that nothing after it is written twice.
        seconds: The shortest time from one checkpoint to the next, in seconds.
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
        """The seconds of training, those before the last resume included."""
        return self._elapsed_before + time.monotonic() - self._start

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Writes a checkpoint if one is due or the training stops early."""
        is_due = time.monotonic() - self._last >= self._seconds
        if not (is_due or self.model.stop_training):
            return
        if int(self.model.optimizer.iterations) < self._num_steps:
            self.save()

    def save(self) -> None:
        """Lets the writer's thread write a checkpoint, whole or not at all.

        If that fails, the checkpoint before stays, and a later method of the writer
        raises the error, `close` at the latest.
        """
        self._last = time.monotonic()
        arrays = {
            # A value that has been read does not change with the variable.
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
            model: The model, as built for the run's experiment.

        Raises:
            RunError: If the checkpoint cannot be read.
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
