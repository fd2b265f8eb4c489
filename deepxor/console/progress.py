"""The progress bar of a training on the console."""

from __future__ import annotations

from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressBar(keras.callbacks.Callback):
    """Shows step, mean cost, solved networks and time left if there is a terminal.

    Args:
        console: The console on which the bar is shown.
        title: The text before the bar.
        num_steps: The number of optimizer steps of the whole training.
        replicas: The number of independent networks.
    """

    def __init__(
        self, console: Console, title: str, num_steps: int, replicas: int
    ) -> None:
        super().__init__()
        self._num_steps = num_steps
        self._replicas = replicas
        self._progress = Progress(
            TextColumn(title, markup=False),
            BarColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=num_steps, numbers="compiling")

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Moves the bar to the step that has been reached."""
        if self._progress.disable:
            return
        step = int(self.model.optimizer.iterations)
        logs = logs or {}
        solved = round(float(logs["solved"]) * self._replicas)
        numbers = (
            f"step {step:,} of {self._num_steps:,}  "
            f"mean cost {float(logs['loss']):.4f}  solved {solved} of {self._replicas}"
        )
        self._progress.update(self._task, completed=step, numbers=numbers)
