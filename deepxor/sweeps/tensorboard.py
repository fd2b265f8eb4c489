"""A sweep in TensorBoard: its map as a picture, its cells as rows of HParams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb

from deepxor.events.writer import SummaryWriter
from deepxor.sweeps.axis import Axis, Value
from deepxor.sweeps.cells import Cells

METRICS = ("score", "cost", "decades", "healthy")


def write_map(figure: Figure, step: int, folder: Path) -> None:
    """Writes the map as a picture of the Images tab.

    Args:
        figure: The map.
        step: The step of the picture, the number of networks on it.
        folder: The folder of the run.

    Raises:
        OSError: If the file cannot be written.
    """
    canvas: Any = FigureCanvasAgg(figure)  # it has no types
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
    writer = SummaryWriter(folder)
    try:
        writer.add(lambda summary: summary.image("map", pixels), step)
    finally:
        writer.close()


def write_hparams(cells: Cells, logdir: Path) -> int:
    """Writes a run for each cell, with a row of the HParams tab and its metrics.

    TensorBoard takes a row from a run each, so the runs are in a logdir of their own,
    which does not fill the list of runs of another.

    Args:
        cells: The cells.
        logdir: The folder of the runs; event files of an earlier call are replaced.

    Returns:
        The number of runs, which are those of the cells with a network.

    Raises:
        OSError: If a file cannot be written.
    """
    count = 0
    for row in cells.table:
        if row["networks"] == 0:
            continue
        values = {axis.name: row[axis.name].item() for axis in cells.axes}
        name = ",".join(f"{key}={value}" for key, value in values.items())
        folder = logdir / name
        for old in folder.glob("*.tfevents.*"):
            old.unlink()
        writer = SummaryWriter(folder)
        try:
            metrics = [hparams.Metric(metric) for metric in METRICS]
            config = hparams.hparams_config_pb(_columns(cells.axes), metrics)
            writer.summary(config, 0)
            writer.summary(hparams.hparams_pb(values, trial_id=name), 0)
            for metric in METRICS:
                writer.scalar(metric, float(row[metric]), 0)
            writer.summary(session_end_pb(api_pb2.STATUS_SUCCESS), 0)
        finally:
            writer.close()
        count += 1
    return count


def _columns(axes: tuple[Axis, ...]) -> list[hparams.HParam]:
    return [hparams.HParam(axis.name, _domain(axis.values)) for axis in axes]


def _domain(values: tuple[Value, ...]) -> hparams.Discrete:
    if all(isinstance(value, (int, float)) for value in values):
        return hparams.Discrete([float(value) for value in values], dtype=float)
    return hparams.Discrete([str(value) for value in values])
