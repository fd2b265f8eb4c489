"""Runs a sweep with output on the console."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from deepxor.console.next_step import print_tensorboard
from deepxor.console.tables import make_console
from deepxor.runs.folder import check_run_name
from deepxor.sweeps.cells import Cells
from deepxor.sweeps.engines.pool import Engine
from deepxor.sweeps.folder import SweepFolder
from deepxor.sweeps.outputs import Outputs
from deepxor.sweeps.run import run_sweep
from deepxor.sweeps.sweep import Sweep
from deepxor.text import printable
from deepxor.verdicts import VERDICTS


def sweep_on_console(
    sweep: Sweep,
    engine: Engine,
    logdir: str,
    run_name: str,
    hparams_logdir: str,
    quiet: bool,
) -> int:
    """Trains a sweep with a progress bar, and says where its map is.

    Args:
        sweep: The sweep.
        engine: Where the networks are trained.
        logdir: The folder in which the sweep's folder is made.
        run_name: The name of the sweep's folder; empty for that of the sweep.
        hparams_logdir: The logdir of the cells' runs; empty for none.
        quiet: Whether nothing is printed.

    Returns:
        The exit status: 0, or 1 if no network could be trained.

    Raises:
        ValueError: If the name cannot be that of a folder.
        RunError: If the folder or the engine cannot be used.
        OSError: If a file cannot be written; what has been trained is kept.
    """
    if run_name:
        check_run_name(run_name)
    path = Path(logdir) / (run_name or sweep.name)
    console = Console(quiet=True) if quiet else make_console()
    hparams = Path(hparams_logdir) / path.name if hparams_logdir else None
    outputs = Outputs(sweep, path, hparams)
    with Watch(sweep, outputs, console) as watch:
        rows = run_sweep(sweep, path, engine, watch)
    cells = outputs.finish(rows, watch.has_trained)
    print_outcome(console, sweep, cells, path)
    if hparams is not None:
        folder = shlex.quote(str(hparams))
        line = f"Cells as rows: tensorboard --logdir {folder}, tab HParams"
        console.print(Text(line), soft_wrap=True)
    print_tensorboard(console, logdir, tab="images")
    return int(not cells.table["networks"].any())


class Watch:
    """Shows a progress bar, and draws the map while it grows.

    The bar counts the work and not the networks, as deep networks come first.

    Args:
        sweep: The sweep.
        outputs: What draws the map.
        console: The console on which the bar is shown, if it is a terminal.

    Attributes:
        has_trained: Whether a chunk has been trained since the sweep was opened.
    """

    def __init__(self, sweep: Sweep, outputs: Outputs, console: Console) -> None:
        self.has_trained = False
        self._sweep = sweep
        self._outputs = outputs
        self._seen: int | None = None
        self._bar = Progress(
            TextColumn("{task.fields[networks]}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
        )
        work = sum(map(sweep.task.work, sweep.experiments)) * sweep.replicas
        self._task = self._bar.add_task("", total=work, networks="loading TensorFlow")

    def __enter__(self) -> Watch:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, folder: SweepFolder) -> None:
        """Moves the bar, and draws the map if it is time."""
        new = folder.rows[self._seen or 0 :]
        work = sum(
            self._sweep.task.work(self._sweep.experiments[row["cell"]]) for row in new
        )
        self._bar.advance(self._task, work)
        self.has_trained |= self._seen is not None
        if folder.rows:
            text = f"{len(folder.rows):,} of {self._sweep.count:,} networks"
            self._bar.update(self._task, networks=text)
            self._outputs.refresh(folder.rows)
        self._seen = len(folder.rows)


def print_outcome(console: Console, sweep: Sweep, cells: Cells, path: Path) -> None:
    """Prints how the networks ended, which cells failed, and where the map is.

    Args:
        console: The console.
        sweep: The sweep.
        cells: Its cells.
        path: Its folder.
    """
    table = cells.table
    trained = int(table["networks"].sum())
    shares = {
        verdict.name: float(np.nansum(table[verdict.name] * table["networks"]))
        for verdict in VERDICTS
    }
    counts = [f"{name} {round(n):,}" for name, n in shares.items() if n > 0]
    score = float(np.nansum(table["score"] * table["networks"])) / max(trained, 1)
    line = f"{trained:,} networks in {len(table):,} cells"
    line += f": {cells.score} {score:.3f}" if trained else ""
    console.print(Text("; ".join([line, *counts])))
    print_failed(console, cells)
    files = ", ".join(str(path / name) for name in ("map.html", "cells.csv"))
    console.print(Text(f"Map: {files}"), soft_wrap=True)


def print_failed(console: Console, cells: Cells) -> None:
    """Prints how many cells failed, and why the first did.

    Args:
        console: The console.
        cells: The cells.
    """
    failed = cells.table[cells.table["error"] != ""]
    if len(failed):
        place = ", ".join(f"{axis.name}={failed[0][axis.name]}" for axis in cells.axes)
        reason = printable(str(failed[0]["error"]))
        line = f"{len(failed):,} cells failed, the first at {place}: {reason}"
        console.print(Text(line, style="red"))
