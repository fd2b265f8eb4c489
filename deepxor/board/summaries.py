"""The only writer of event files.

Values of one step are gathered and written as one event: a record of the lab has some
eighty of them, and an event each would cost more than the training they describe.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import Message
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar_metadata
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util import tensor_util

_file_number = itertools.count()


class SummaryWriter:
    """Writes one event file of a run, one event a step.

    A step's values are written once a later step comes, or on `flush`.

    Args:
        log_dir: The run's folder; made if it is not there.

    Raises:
        OSError: If the file cannot be written (of every method).
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        Path(log_dir).mkdir(parents=True, exist_ok=True)
        name = (
            f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
            f".{os.getpid()}.{next(_file_number)}"
        )
        self.path = Path(log_dir) / name
        self._summary = summary_pb2.Summary()
        self._step = 0
        with _os_errors():
            self._records = tf.io.TFRecordWriter(os.fspath(self.path))
        self._write(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))
        self.flush()

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds one number to a chart of the Scalars tab."""
        self.summary(scalar_pb(tag, np.float32(value)), step)

    def histogram(self, tag: str, values: np.ndarray, step: int, bins: int = 30) -> None:
        """Adds a histogram of the finite values, of any shape, over their own range."""
        # float64, as neighbouring float32 numbers leave no room for thirty bins.
        values = values[np.isfinite(values)].astype(np.float64)
        low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
        if high - low > 1e-12 * max(abs(low), abs(high)):
            counts, edges = np.histogram(values, bins, (low, high))
        else:  # TensorBoard shows a bucket of no width as a spike.
            counts, edges = np.array([values.size]), np.array([low, high])
        self.histogram_counts(tag, edges, counts, step)

    def histogram_counts(
        self, tag: str, edges: np.ndarray, counts: np.ndarray, step: int
    ) -> None:
        """Adds a histogram that has been counted already.

        Args:
            tag: The tag.
            edges: [bins + 1], rising.
            counts: [bins]; empty bins at either end are left out.
            step: The step.
        """
        occupied = np.flatnonzero(counts)
        first, last = (occupied[0], occupied[-1] + 1) if occupied.size else (0, 1)
        rows = np.stack([edges[:-1], edges[1:], counts], axis=1)[first:last]
        self._step_summary(step).value.add(
            tag=tag,
            metadata=histogram_metadata.create_summary_metadata(None, None),
            tensor=tensor_util.make_tensor_proto(rows, dtype=np.float64),
        )

    def image(self, tag: str, pixels: np.ndarray, step: int) -> None:
        """Adds a picture to the Images tab: uint8 [height, width, 3]."""
        height, width, _ = pixels.shape
        png = tf.io.encode_png(pixels).numpy()
        size_and_png = [str(width).encode(), str(height).encode(), png]
        self._step_summary(step).value.add(
            tag=tag,
            metadata=image_metadata.create_summary_metadata(None, None),
            tensor=tensor_util.make_tensor_proto(size_and_png),
        )

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Adds a text to the Text tab."""
        self.summary(text_pb(tag, markdown), step)

    def custom_scalars(self, charts: Sequence[layout_pb2.Chart], category: str) -> None:
        """Lays out the Custom Scalars tab; to be called once a run."""
        layout = layout_pb2.Layout(
            category=[layout_pb2.Category(title=category, chart=charts)]
        )
        self._step_summary(0).value.add(
            tag=custom_scalar_metadata.CONFIG_SUMMARY_TAG,
            metadata=custom_scalar_metadata.create_summary_metadata(),
            tensor=tensor_util.make_tensor_proto([layout.SerializeToString()], shape=[]),
        )

    def summary(self, summary: Message, step: int) -> None:
        """Adds values that a TensorBoard plugin's own function has made."""
        # Some of TensorBoard's functions return TensorFlow's class of the same message.
        self._step_summary(step).MergeFromString(summary.SerializeToString())

    def graph(self, graph: tf.Graph) -> None:
        """Writes the graph for the Graphs tab; TensorBoard serves the last of a run."""
        graph_def = graph.as_graph_def(add_shapes=True).SerializeToString()
        self._write(event_pb2.Event(wall_time=time.time(), graph_def=graph_def))

    def flush(self) -> None:
        """Writes what has been gathered, so that a reader finds it in the file."""
        self._write_step()
        with _os_errors():
            self._records.flush()

    def close(self) -> None:
        """Flushes and closes the file."""
        self.flush()
        with _os_errors():
            self._records.close()

    def _step_summary(self, step: int) -> summary_pb2.Summary:
        if step != self._step:
            self._write_step()
            self._step = step
        return self._summary

    def _write_step(self) -> None:
        if not self._summary.value:
            return
        summary, self._summary = self._summary, summary_pb2.Summary()
        self._write(
            event_pb2.Event(wall_time=time.time(), step=self._step, summary=summary)
        )

    def _write(self, event: event_pb2.Event) -> None:
        with _os_errors():
            self._records.write(event.SerializeToString())


class _os_errors:
    """Turns TensorFlow's errors of a file into an OSError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, traceback) -> None:
        if isinstance(error, tf.errors.OpError):
            raise OSError(error.message) from error
