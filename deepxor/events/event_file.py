"""Writes event files without TensorFlow, whose import takes seconds."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.util import tensor_util

from deepxor.events.reader import event_files
from deepxor.events.record_file import RecordWriter

_SCALAR = scalar_metadata.create_summary_metadata(None, None)
_IMAGE = image_metadata.create_summary_metadata(None, None)

_TIME = re.compile(r"^events\.out\.tfevents\.(\d{1,10})\.", re.ASCII)

# The largest time that is believed of the clock, that of the year 2255. Later ones of
# ten digits are left for the files that follow.
_MAX_SECONDS = 9_000_000_000

_file_number = itertools.count()


def event_file_name(existing: Iterable[str]) -> str:
    """Returns a name for a run's next event file, which sorts after the earlier ones.

    Readers take a folder's files in the order of their names, which begin with a time.
    TensorBoard takes a step that is smaller than the one before it for a restart, and
    drops what it has of later steps. So the time in the name is later than in those of
    the earlier files even if the clock has been set back.

    Args:
        existing: The names of the run's event files.
    """
    earlier = (int(time) for name in existing for time in _TIME.findall(name))
    seconds = max(0, int(min(time.time(), _MAX_SECONDS)), *(t + 1 for t in earlier))
    return (
        f"events.out.tfevents.{seconds:010d}.{socket.gethostname()}"
        f".{os.getpid()}.{next(_file_number):04d}"
    )


class EventClock:
    """Tells times that never go back in a run, even if the system's clock is set back.

    Where a step was written twice, readers take what was written later.

    Args:
        earlier: The run's event files so far.
    """

    def __init__(self, earlier: Iterable[Path]) -> None:
        self._latest = 0.0
        for path in earlier:
            with contextlib.suppress(OSError):  # such as a link to nowhere
                self._latest = max(self._latest, path.stat().st_mtime)

    def now(self) -> float:
        """Returns the time in seconds since 1970."""
        self._latest = max(self._latest, time.time())
        return self._latest


class EventFile:
    """Writes one event file in a local folder, one event a summary.

    Args:
        folder: The folder, which is made if it does not exist.

    Raises:
        OSError: If the file cannot be written. `write` and `close` may raise it, too.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = event_files(folder)
        self._clock = EventClock(earlier)
        name = event_file_name(path.name for path in earlier)
        self._records = RecordWriter((folder / name).open("xb"))
        self._write(event_pb2.Event(file_version="brain.Event:2"))

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, summary: summary_pb2.Summary, step: int) -> None:
        """Writes a summary.

        Args:
            summary: The summary.
            step: The number of its step.
        """
        self._write(event_pb2.Event(summary=summary, step=step))

    def close(self) -> None:
        """Closes the file."""
        self._records.close()

    def _write(self, event: event_pb2.Event) -> None:
        event.wall_time = self._clock.now()
        self._records.write(event.SerializeToString())


def add_scalar(summary: summary_pb2.Summary, tag: str, value: float) -> None:
    """Adds one number to a summary, for the Scalars tab.

    Args:
        summary: The summary.
        tag: The tag, which is the name of the chart.
        value: The number, which may be NaN or infinite.
    """
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[value])
    summary.value.add(tag=tag, metadata=_SCALAR, tensor=tensor)


def add_png(summary: summary_pb2.Summary, tag: str, png: bytes) -> None:
    """Adds a picture to a summary, for the Images tab.

    Args:
        summary: The summary.
        tag: The tag.
        png: The picture as a PNG file.
    """
    # The header has width and height at its byte 16.
    width, height = struct.unpack(">II", png[16:24])
    content = [str(width).encode(), str(height).encode(), png]
    tensor = tensor_util.make_tensor_proto(content)
    summary.value.add(tag=tag, metadata=_IMAGE, tensor=tensor)
