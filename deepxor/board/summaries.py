"""The only writer of event files.

Values of one step are gathered and written as one event: a record of the lab has some
eighty of them, and an event each would cost more than the training they describe.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import Message
from tensorboard.compat.proto import (
    event_pb2,
    summary_pb2,
    tensor_pb2,
    tensor_shape_pb2,
    types_pb2,
)
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar_metadata
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util import tensor_util

from deepxor.board import flow
from deepxor.board.overview import Overview

_file_number = itertools.count()

# Adds one value to a summary, on the worker thread.
Value = Callable[[summary_pb2.Summary], None]

_SCALAR = scalar_metadata.create_summary_metadata(None, None)
_HISTOGRAM = histogram_metadata.create_summary_metadata(None, None)
_IMAGE = image_metadata.create_summary_metadata(None, None)


class SummaryWriter:
    """Writes one event file of a run, one event a step.

    A step's values are gathered, and written once a later step comes, on `write` or on
    `flush`. A worker thread turns them into protocol buffers and writes them, while the
    compiled loop, which does not hold Python's lock, trains on. Arrays must not be
    changed once they have been handed over.

    Args:
        log_dir: The run's folder; made if it is not there.

    Raises:
        OSError: If the file cannot be written (of every method, about this or an
            earlier step).
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        Path(log_dir).mkdir(parents=True, exist_ok=True)
        # Readers take a folder's files in the order of their names.
        name = (
            f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
            f".{os.getpid()}.{next(_file_number):04d}"
        )
        self.path = Path(log_dir) / name
        self._values: list[Value] = []
        self._step = 0
        self._overview = Overview()
        self._layers: Sequence[str] = ()
        # The series whose names the file has.
        self._named: set[str] = set()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="SummaryWriter")
        self._written: Future = Future()
        self._written.set_result(None)
        with _os_errors():
            self._records = tf.io.TFRecordWriter(os.fspath(self.path))
        self._submit(lambda: event_pb2.Event(file_version="brain.Event:2"))
        self.flush()

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds one number to a chart of the Scalars tab.

        Args:
            tag: The chart.
            value: The number; TensorBoard marks NaN and infinity.
            step: The step.
        """
        tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[value])
        self._add(
            step, lambda to: to.value.add(tag=tag, metadata=_SCALAR, tensor=tensor)
        )

    def histogram(
        self, tag: str, values: np.ndarray, step: int, bins: int = 30
    ) -> None:
        """Adds a histogram of the finite values, over their own range.

        Args:
            tag: The tag.
            values: Of any shape.
            step: The step.
            bins: The number of bins, all of the same width.
        """
        self._add(step, lambda to: _add_histogram(to, tag, *count(values, bins)))

    def histogram_counts(
        self,
        tag: str,
        edges: np.ndarray,
        counts: Callable[[], np.ndarray],
        step: int,
    ) -> None:
        """Adds a histogram that the caller counts.

        Args:
            tag: The tag.
            edges: [bins + 1], rising.
            counts: Returns [bins]; called on the worker thread. Empty bins at either
                end are left out.
            step: The step.
        """
        self._add(step, lambda to: _add_histogram(to, tag, edges, counts()))

    def image(self, tag: str, draw: Callable[[], np.ndarray], step: int) -> None:
        """Adds a picture to the Images tab.

        Args:
            tag: The tag.
            draw: Returns uint8 [height, width, 3]; called on the worker thread.
            step: The step.
        """
        self._add(step, lambda to: _add_image(to, tag, draw()))

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Adds a text to the Text tab.

        Args:
            tag: The tag.
            markdown: The text.
            step: The step.
        """
        self.summary(text_pb(tag, markdown), step)

    def flow(
        self, layers: Sequence[str], quantities: Mapping[str, np.ndarray], step: int
    ) -> None:
        """Adds a record for the Gradient flow tab.

        Args:
            layers: Names in forward order, the same at every record.
            quantities: Name -> [layers], any of `flow.QUANTITIES`.
            step: The step.
        """
        self._add(step, lambda to: self._add_flow(to, layers, quantities, step))

    def flow_diagnosis(self, diagnosis: Mapping[str, object], step: int) -> None:
        """Adds what the Gradient flow tab says of the run, at its end.

        Args:
            diagnosis: As `flow.diagnosis_value` takes it.
            step: The step.
        """
        self._add(step, lambda to: self._add_rows(to, self._overview.end(step)))
        self._add(step, lambda to: to.value.append(flow.diagnosis_value(diagnosis)))

    def continue_flow(
        self, layers: Sequence[str], steps: np.ndarray, tables: np.ndarray
    ) -> None:
        """Takes up the flow of a run that an earlier writer began.

        Args:
            layers: As `flow` takes them.
            steps: [records], of those that are in the run's files.
            tables: [records, quantities, layers].
        """
        self._layers = layers
        for step, table in zip(steps.tolist(), tables, strict=True):
            self._overview.add(step, table)

    def custom_scalars(self, charts: Sequence[layout_pb2.Chart], category: str) -> None:
        """Lays out the Custom Scalars tab; to be called once a run.

        Args:
            charts: From top to bottom.
            category: The heading above them.
        """
        self._add(0, lambda to: _add_layout(to, charts, category))

    def summary(self, summary: Message, step: int) -> None:
        """Adds values that a TensorBoard plugin's own function has made.

        Args:
            summary: A Summary, TensorBoard's or TensorFlow's.
            step: The step.
        """
        # Some of TensorBoard's functions return TensorFlow's class of the same message.
        self._add(step, lambda to: to.MergeFromString(summary.SerializeToString()))

    def graph(self, graph: tf.Graph) -> None:
        """Writes the graph of a training step for the Graphs tab, once a run.

        Args:
            graph: As `step_graph_def` takes it.
        """
        # Deterministic, so that the same run writes the same bytes.
        graph_def = step_graph_def(graph)
        self._submit(
            lambda: event_pb2.Event(
                graph_def=graph_def.SerializeToString(deterministic=True)
            )
        )

    def write(self) -> None:
        """Has the worker write what has been gathered."""
        if not self._values:
            return
        values, self._values = self._values, []
        step = self._step

        def event() -> event_pb2.Event:
            summary = summary_pb2.Summary()
            for add_to in values:
                add_to(summary)
            return event_pb2.Event(step=step, summary=summary)

        self._submit(event)

    def flush(self) -> None:
        """Writes what has been gathered, and returns when a reader finds it there."""
        self.write()
        self._written.result()

    def close(self) -> None:
        """Flushes and closes the file."""
        try:
            self.flush()
        finally:
            self._worker.shutdown()
            with _os_errors():
                self._records.close()

    def _add_flow(
        self,
        summary: summary_pb2.Summary,
        layers: Sequence[str],
        quantities: Mapping[str, np.ndarray],
        step: int,
    ) -> None:
        self._layers = layers
        table = flow.table(len(layers), quantities)
        summary.value.append(flow.flow_value(table, self._unnamed(flow.TAG)))
        self._add_rows(summary, self._overview.add(step, table))

    def _add_rows(self, summary: summary_pb2.Summary, rows: np.ndarray | None) -> None:
        if rows is not None:
            layers = self._unnamed(flow.OVERVIEW_TAG)
            summary.value.append(flow.overview_value(rows, layers))

    def _unnamed(self, tag: str) -> Sequence[str] | None:
        """Returns the layers if the series does not have them in this file yet."""
        if tag in self._named:
            return None
        self._named.add(tag)
        return self._layers

    def _add(self, step: int, value: Value) -> None:
        if step != self._step:
            self.write()
            self._step = step
        self._values.append(value)

    def _submit(self, make_event: Callable[[], event_pb2.Event]) -> None:
        # One event at a time, so that a slow disk holds training up instead of filling
        # the memory, and an error comes to light at the next step.
        self._written.result()
        self._written = self._worker.submit(self._write, make_event, time.time())

    def _write(
        self, make_event: Callable[[], event_pb2.Event], wall_time: float
    ) -> None:
        event = make_event()
        event.wall_time = wall_time
        with _os_errors():
            self._records.write(event.SerializeToString())
            self._records.flush()


def count(values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts the finite values in bins of equal width over their range.

    `numpy.histogram` gives the same but for values within rounding of an edge, in three
    times the time; a run of the lab counts thousands of small arrays.

    Args:
        values: Of any shape.
        bins: The number of bins.

    Returns:
        Edges [bins + 1] and counts [bins]; a single bin without width, which
        TensorBoard shows as a spike, where all values are the same.
    """
    # float64, as float32 overflows where a network diverges.
    values = values.ravel().astype(np.float64)
    if not np.isfinite(values).all():
        values = values[np.isfinite(values)]
    if not values.size:
        return np.zeros(2), np.zeros(1, np.int64)
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        return np.array([low, high]), np.array([values.size])
    scale = bins / (high - low)
    index = ((values - low) * scale).astype(np.int64)
    counts = np.bincount(np.minimum(index, bins - 1), minlength=bins)
    return np.linspace(low, high, bins + 1), counts


def _add_histogram(
    summary: summary_pb2.Summary, tag: str, edges: np.ndarray, counts: np.ndarray
) -> None:
    occupied = np.flatnonzero(counts)
    first, last = (occupied[0], occupied[-1] + 1) if occupied.size else (0, 1)
    rows = np.empty((last - first, 3))
    rows[:, 0] = edges[first:last]
    rows[:, 1] = edges[first + 1 : last + 1]
    rows[:, 2] = counts[first:last]
    # What tensor_util.make_tensor_proto makes, in a tenth of its time.
    shape = tensor_shape_pb2.TensorShapeProto()
    for size in rows.shape:
        shape.dim.add(size=size)
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_DOUBLE, tensor_shape=shape, tensor_content=rows.tobytes()
    )
    summary.value.add(tag=tag, metadata=_HISTOGRAM, tensor=tensor)


def _add_image(summary: summary_pb2.Summary, tag: str, pixels: np.ndarray) -> None:
    height, width, _ = pixels.shape
    png = tf.io.encode_png(pixels).numpy()
    content = [str(width).encode(), str(height).encode(), png]
    tensor = tensor_util.make_tensor_proto(content)
    summary.value.add(tag=tag, metadata=_IMAGE, tensor=tensor)


def _add_layout(
    summary: summary_pb2.Summary, charts: Sequence[layout_pb2.Chart], title: str
) -> None:
    category = layout_pb2.Category(title=title, chart=charts)
    layout = layout_pb2.Layout(category=[category]).SerializeToString()
    summary.value.add(
        tag=custom_scalar_metadata.CONFIG_SUMMARY_TAG,
        metadata=custom_scalar_metadata.create_summary_metadata(),
        tensor=tensor_util.make_tensor_proto([layout], shape=[]),
    )


# What the nodes of a training step feed in the end; the rest is the loop's own.
_LOOP = "while/"
_ENDS = tuple(_LOOP + scope for scope in ("cost/", "accuracy/", "train/"))


def step_graph_def(graph: tf.Graph) -> tf.compat.v1.GraphDef:
    """Returns the body of a loop as TensorBoard shows it best: one box a layer.

    Without the loop's own scope and counters, and with the backward pass, which
    TensorFlow puts beside all scopes, in that of the training.

    Args:
        graph: Of a `tf.while_loop`'s body with scopes cost, accuracy and train.
    """
    graph_def = graph.as_graph_def(add_shapes=True)
    nodes = {node.name: node for node in graph_def.node}
    pending = [name for name in nodes if name.startswith(_ENDS)]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += [_node_name(source) for source in nodes[name].input]
    shown = tf.compat.v1.GraphDef(versions=graph_def.versions)
    for node in graph_def.node:
        if node.name in reached:
            copy = shown.node.add()
            copy.CopyFrom(node)
            copy.name = _shown_name(node.name)
            copy.input[:] = [_shown_name(source) for source in node.input]
            # It names, by its old name, a node to share a device with.
            copy.attr.pop("_class", None)
    return shown


def _node_name(source: str) -> str:
    return source.removeprefix("^").split(":")[0]


def _shown_name(source: str) -> str:
    control = "^" * source.startswith("^")
    name = source.removeprefix("^")
    if name.startswith("gradient_tape/"):
        return f"{control}train/{name.replace(_LOOP, '', 1)}"
    return control + name.removeprefix(_LOOP)


@contextlib.contextmanager
def _os_errors() -> Iterator[None]:
    """Turns TensorFlow's errors of a file into an OSError."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
