"""The only reader of event files."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto import event_pb2
from tensorboard.util import tensor_util

# A record of the file is its length (8 bytes), that length's checksum (4), the bytes,
# and their checksum (4).
_FRAME_BYTES = 16


def event_files(run_dir: str | os.PathLike[str]) -> list[Path]:
    """Returns a run's event files.

    Args:
        run_dir: The run's folder.

    Returns:
        Their paths, oldest first.
    """
    return sorted(Path(run_dir).glob("events.out.tfevents.*"))


def read_scalars(run_dir: str | os.PathLike[str]) -> dict[str, dict[int, float]]:
    """Reads all scalars of a run.

    Args:
        run_dir: The run's folder. A file that breaks off in the middle is read up to
            there.

    Returns:
        tag -> step -> value, steps rising; of a step written twice, the later value.
    """
    # Whatever does not parse is left out, and the caller says so; the reader's own
    # warnings would only interleave with its table.
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    accumulator = event_accumulator.EventAccumulator(
        os.fspath(run_dir), size_guidance={event_accumulator.TENSORS: 0}
    )
    accumulator.Reload()
    scalars = {}
    for tag in accumulator.Tags()[event_accumulator.TENSORS]:
        metadata = accumulator.SummaryMetadata(tag)
        if metadata.plugin_data.plugin_name != "scalars":
            continue
        values = {
            event.step: float(tensor_util.make_ndarray(event.tensor_proto))
            for event in accumulator.Tensors(tag)
        }
        scalars[tag] = dict(sorted(values.items()))
    return scalars


def cut(run_dir: str | os.PathLike[str], last_step: int) -> None:
    """Removes from a run's files every event after a step, and what breaks off.

    Args:
        run_dir: The run's folder; nobody may be writing to it.
        last_step: The last step to keep; -1 keeps nothing.

    Raises:
        OSError: If a file cannot be written.
    """
    for path in event_files(run_dir):
        size = 0
        for record in RawEventFileLoader(os.fspath(path)).Load():
            if last_step < 0 or event_pb2.Event.FromString(record).step > last_step:
                break
            size += len(record) + _FRAME_BYTES
        if size:
            os.truncate(path, size)
        else:
            path.unlink()
