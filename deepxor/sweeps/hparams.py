"""The cells of a sweep as rows of TensorBoard's HParams tab."""

from __future__ import annotations

import time
from pathlib import Path

from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

# TensorBoard's `api` is this module, but imports TensorFlow.
from tensorboard.plugins.hparams import summary_v2 as hparams

from deepxor.events.event_file import EventFile, add_scalar
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.cells import Cells

# The columns of the table of cells that are the rows' metrics; the first is called what
# the score is.
METRICS = ("score", "cost", "decades", "healthy")


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
    columns = [_column(axis) for axis in cells.axes]
    names = [cells.score if name == "score" else name for name in METRICS]
    metrics = [hparams.Metric(name) for name in names]
    for row in cells.table:
        if row["networks"] == 0:
            continue
        values = {axis.name: row[axis.name].item() for axis in cells.axes}
        name = ",".join(f"{key}={value}" for key, value in values.items())
        folder = logdir / name
        for old in folder.glob("*.tfevents.*"):
            old.unlink()
        summary = hparams.hparams_config_pb(columns, metrics)
        summary.MergeFrom(hparams.hparams_pb(values, trial_id=name))
        for column, tag in zip(METRICS, names, strict=True):
            add_scalar(summary, tag, float(row[column]))
        summary.MergeFrom(_end())
        with EventFile(folder) as file:
            file.write(summary, 0)
        count += 1
    return count


def _column(axis: Axis) -> hparams.HParam:
    if axis.is_numeric:
        values = [float(value) for value in axis.values]
        return hparams.HParam(axis.name, hparams.Discrete(values, dtype=float))
    if all(isinstance(value, bool) for value in axis.values):
        return hparams.HParam(axis.name, hparams.Discrete(axis.values, dtype=bool))
    names = [str(value) for value in axis.values]
    return hparams.HParam(axis.name, hparams.Discrete(names))


def _end() -> summary_pb2.Summary:
    """Returns what says that a row is complete."""
    info = plugin_data_pb2.SessionEndInfo(
        status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time()
    )
    data = plugin_data_pb2.HParamsPluginData(session_end_info=info)
    summary = summary_pb2.Summary()
    summary.value.add(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )
    return summary
