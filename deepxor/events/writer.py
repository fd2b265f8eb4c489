"""Writes event files; beside it only `event_file` does, without TensorFlow.

The values of one step are gathered and written as one event. A record of the XOR
laboratory has some eighty values, and an event for each would take longer than the
training that they describe.
"""

from __future__ import annotations

import functools
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import Message
from tensorboard.compat.proto import event_pb2

from deepxor.events.event_file import EventClock, event_file_name
from deepxor.events.files import (
    create,
    event_file_names,
    is_remote,
    join,
    make_folder,
    os_errors,
)
from deepxor.events.graph import step_graph_def
from deepxor.events.reader import event_files, flow_names
from deepxor.events.record_file import RecordWriter
from deepxor.events.series import FlowSeries
from deepxor.events.step import StepSummary
from deepxor.events.written import WrittenFile

# The largest number of events that wait for the worker thread.
MAX_PENDING = 8

# The time for which the worker leaves Python's lock to `fit`, which needs about a
# millisecond to get from the end of a batch into the compiled loop of the next. If both
# want the lock, they take it in turns, and each waits for the other's whole work.
HEAD_START_SECONDS = 1e-3


class SummaryWriter:
    """Writes one event file of a run, one event a step.

    A step's values are gathered, and written once a later step comes, on `write` or on
    `flush`. A worker thread turns them into protocol buffers and writes them, while the
    compiled loop, which does not hold Python's lock, trains on. Arrays must not be
    changed once they have been handed over.

    Args:
        log_dir: The run's folder, which is made if it does not exist. A remote one,
            such as gs://bucket/run, must be one that `tf.io.gfile` knows.

    Attributes:
        log_dir: The run's folder, as it was given, as a string.

    Raises:
        OSError: If the file cannot be written. Every method may raise it, for its own
            step or an earlier one.
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self.log_dir = os.fspath(log_dir)
        make_folder(self.log_dir)
        name = event_file_name(event_file_names(self.log_dir))
        self._file = join(self.log_dir, name)
        self._fills: list[Callable[[StepSummary], None]] = []
        self._step = 0
        # Earlier files are read in local folders only, as reading remote ones is slow.
        is_local = not is_remote(self.log_dir)
        self._clock = EventClock(event_files(self.log_dir) if is_local else ())
        self._flow = FlowSeries(flow_names(self.log_dir) if is_local else None)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="SummaryWriter")
        self._pending: deque[Future[None]] = deque()
        self._has_failed = False
        self._records = RecordWriter(create(self.log_dir, name))
        self._submit_event(lambda: event_pb2.Event(file_version="brain.Event:2"))
        self.flush()

    @property
    def path(self) -> Path:
        """The path of the file, if it is a local one."""
        return Path(self._file)

    def check(self) -> None:
        """Checks that the file still exists, if it is a local one.

        Raises:
            FileNotFoundError: If it has been removed, so that what is written is lost.
        """
        if not is_remote(self._file) and not os.path.exists(self._file):
            raise FileNotFoundError(f"{self._file} has been removed")

    def add(self, fill: Callable[[StepSummary], None], step: int) -> None:
        """Adds to a step the values that a function adds to its summary.

        Args:
            fill: A function of the summary, which is called on the worker thread, after
                all functions that were added before.
            step: The number of the step.
        """
        if step != self._step:
            self.write()
            self._step = step
        self._fills.append(fill)

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds one number of a chart of the Scalars tab to a step.

        Args:
            tag: The tag, which is the name of the chart.
            value: The number, which may be NaN or infinite.
            step: The number of the step.
        """
        self.add(lambda to: to.scalar(tag, value), step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Adds a text of the Text tab to a step.

        Args:
            tag: The tag.
            markdown: The text, in Markdown.
            step: The number of the step.
        """
        self.add(lambda to: to.text(tag, markdown), step)

    def summary(self, summary: Message, step: int) -> None:
        """Adds values that a TensorBoard plugin's own function has made to a step.

        Args:
            summary: A Summary of TensorBoard or of TensorFlow.
            step: The number of the step.
        """
        self.add(lambda to: to.merge(summary), step)

    def flow(
        self, layers: Sequence[str], quantities: Mapping[str, np.ndarray], step: int
    ) -> None:
        """Adds a record for the Gradient flow tab to a step.

        Args:
            layers: The names of the layers in forward order.
            quantities: The values of any of `gradient_flow.QUANTITIES` by name,
                [layers] each.
            step: The number of the step.
        """
        self.add(lambda to: to.flow(layers, quantities), step)

    def flow_diagnosis(self, diagnosis: Mapping[str, object], step: int) -> None:
        """Adds the diagnosis at the run's end, for the Gradient flow tab.

        Args:
            diagnosis: The diagnosis, as `diagnosis_value` of events.gradient_flow takes
                it.
            step: The number of the last step.
        """
        self.add(lambda to: to.flow_diagnosis(diagnosis), step)

    def continue_flow(
        self, layers: Sequence[str], steps: np.ndarray, tables: np.ndarray
    ) -> None:
        """Goes on with the records of gradients that an earlier writer has begun.

        Args:
            layers: The names of the layers in forward order.
            steps: The steps of the records in the run's files, [records].
            tables: The records in the run's files, [records, quantities, layers].
        """
        self._flow.go_on(layers, steps, tables)

    def graph(self, graph: tf.Graph) -> None:
        """Writes the graph of a training step for the Graphs tab, once a run.

        Args:
            graph: The graph, as `step_graph_def` takes it.
        """
        self._submit_event(
            lambda: event_pb2.Event(
                # It is deterministic, so that equal runs write the same bytes.
                graph_def=step_graph_def(graph).SerializeToString(deterministic=True)
            )
        )

    def write(self) -> None:
        """Lets the worker thread write the values that have been gathered."""
        if not self._fills:
            return
        fills, self._fills = self._fills, []
        step = self._step

        def event() -> event_pb2.Event:
            summary = StepSummary(step, self._flow)
            for fill in fills:
                fill(summary)
            return event_pb2.Event(step=step, summary=summary.message)

        self._submit_event(event)

    def after(self, function: Callable[[], object]) -> None:
        """Lets the worker thread call a function after all that was added is written.

        Args:
            function: The function, which is not called if something before it could not
                be written. If it raises, a later method raises the same error, `flush`
                at the latest.
        """
        self.write()
        self._submit(function)

    def sync(self) -> WrittenFile:
        """Returns what has been written once it is on the disk; for local files only.

        It must be called on the worker thread, as by `after`.
        """
        self._records.sync()
        return WrittenFile(self.path.name, self._records.size, self._records.checksum)

    def flush(self) -> None:
        """Writes all values, and returns when a reader finds them in the file."""
        self.write()
        self._wait(0)

    def close(self) -> None:
        """Writes all values and closes the file."""
        try:
            self.flush()
        finally:
            self._worker.shutdown()
            with os_errors():
                self._records.close()

    def _submit_event(self, make_event: Callable[[], event_pb2.Event]) -> None:
        self._submit(functools.partial(self._write, make_event, self._clock.now()))

    def _submit(self, task: Callable[[], object]) -> None:
        # Some events may wait, so that a picture does not hold up the training. They
        # are few, so that a slow disk does hold it up instead of filling the memory,
        # and an error is seen soon.
        self._wait(MAX_PENDING - 1)
        try:
            self._pending.append(self._worker.submit(self._run, task))
        except RuntimeError:  # while the interpreter exits, no thread can be started
            self._run(task)

    def _run(self, task: Callable[[], object]) -> None:
        """Calls a task unless one before it failed.

        A checkpoint is such a task, and must not be written without the events before.
        """
        if self._has_failed:
            return
        # If several events wait already, `fit` would have to wait for the worker.
        if len(self._pending) <= 1:
            time.sleep(HEAD_START_SECONDS)
        try:
            task()
        except BaseException:
            self._has_failed = True
            raise

    def _wait(self, most: int) -> None:
        """Waits until at most `most` events are still to be written."""
        while self._pending and (len(self._pending) > most or self._pending[0].done()):
            # A task that failed stays in the queue, so that later calls raise, too.
            self._pending[0].result()
            self._pending.popleft()

    def _write(
        self, make_event: Callable[[], event_pb2.Event], wall_time: float
    ) -> None:
        event = make_event()
        event.wall_time = wall_time
        with os_errors():
            self._records.write(event.SerializeToString())
