"""The only writer of event files.

Values of one step are gathered and written as one event: a record of the XOR laboratory
has some eighty of them, and an event each would cost more than the training they
describe.
"""

from __future__ import annotations

import functools
import itertools
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import Message
from tensorboard.compat.proto import event_pb2

from deepxor.events.files import is_remote, join, make_folder, os_errors
from deepxor.events.graph import step_graph_def
from deepxor.events.reader import flow_names
from deepxor.events.series import FlowSeries
from deepxor.events.step import StepSummary

_file_number = itertools.count()

# Events that wait for the worker.
MAX_PENDING = 8

# How long the worker leaves Python's lock to `fit`, which needs about a millisecond to
# come from the end of a batch into the compiled loop of the next. If both want the lock
# they pass it to and fro, and each waits for the other's whole work.
HEAD_START_SECONDS = 1e-3


class SummaryWriter:
    """Writes one event file of a run, one event a step.

    A step's values are gathered, and written once a later step comes, on `write` or on
    `flush`. A worker thread turns them into protocol buffers and writes them, while the
    compiled loop, which does not hold Python's lock, trains on. Arrays must not be
    changed once they have been handed over.

    Args:
        log_dir: The run's folder; made if it is not there. A remote one, such as
            gs://bucket/run, is one that `tf.io.gfile` knows.

    Attributes:
        log_dir: As given, a string.

    Raises:
        OSError: If the file cannot be written (of every method, about this or an
            earlier step).
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self.log_dir = os.fspath(log_dir)
        make_folder(self.log_dir)
        # Readers take a folder's files in the order of their names.
        name = (
            f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
            f".{os.getpid()}.{next(_file_number):04d}"
        )
        self._file = join(self.log_dir, name)
        self._fills: list[Callable[[StepSummary], None]] = []
        self._step = 0
        # Only a folder of this machine is looked at.
        names = None if is_remote(self.log_dir) else flow_names(self.log_dir)
        self._flow = FlowSeries(names)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="SummaryWriter")
        self._pending: deque[Future[None]] = deque()
        self._has_failed = False
        with os_errors():
            self._records = tf.io.TFRecordWriter(self._file)
        self._submit_event(lambda: event_pb2.Event(file_version="brain.Event:2"))
        self.flush()

    @property
    def path(self) -> Path:
        """The file, of a local run."""
        return Path(self._file)

    def check(self) -> None:
        """Looks whether the file is still where it was made.

        Raises:
            FileNotFoundError: If it has been removed: what is written to it is lost.
        """
        if not is_remote(self._file) and not os.path.exists(self._file):
            raise FileNotFoundError(f"{self._file} has been removed")

    def add(self, fill: Callable[[StepSummary], None], step: int) -> None:
        """Adds to a step what a function adds to its summary.

        Args:
            fill: Called on the worker thread, after all that was added before.
            step: The step.
        """
        if step != self._step:
            self.write()
            self._step = step
        self._fills.append(fill)

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds `StepSummary.scalar` to a step."""
        self.add(lambda to: to.scalar(tag, value), step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Adds `StepSummary.text` to a step."""
        self.add(lambda to: to.text(tag, markdown), step)

    def summary(self, summary: Message, step: int) -> None:
        """Adds `StepSummary.merge` to a step."""
        self.add(lambda to: to.merge(summary), step)

    def flow(
        self, layers: Sequence[str], quantities: Mapping[str, np.ndarray], step: int
    ) -> None:
        """Adds `StepSummary.flow` to a step."""
        self.add(lambda to: to.flow(layers, quantities), step)

    def flow_diagnosis(self, diagnosis: Mapping[str, object], step: int) -> None:
        """Adds `StepSummary.flow_diagnosis` to a step."""
        self.add(lambda to: to.flow_diagnosis(diagnosis), step)

    def continue_flow(
        self, layers: Sequence[str], steps: np.ndarray, tables: np.ndarray
    ) -> None:
        """Takes up the flow of a run that an earlier writer began.

        Args:
            layers: As `FlowSeries.go_on` takes them.
            steps: [records].
            tables: [records, quantities, layers].
        """
        self._flow.go_on(layers, steps, tables)

    def graph(self, graph: tf.Graph) -> None:
        """Writes the graph of a training step for the Graphs tab, once a run.

        Args:
            graph: As `step_graph_def` takes it.
        """
        self._submit_event(
            lambda: event_pb2.Event(
                # Deterministic, so that the same run writes the same bytes.
                graph_def=step_graph_def(graph).SerializeToString(deterministic=True)
            )
        )

    def write(self) -> None:
        """Has the worker write what has been gathered."""
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

    def after(self, function: Callable[[], None]) -> None:
        """Has the worker call a function once all that was added before is written.

        Args:
            function: Not called if something before it could not be written. If it
                raises, so does a later method, `flush` at the latest.
        """
        self.write()
        self._submit(function)

    def flush(self) -> None:
        """Writes what has been gathered, and returns when a reader finds it there."""
        self.write()
        self._wait(0)

    def close(self) -> None:
        """Flushes and closes the file."""
        try:
            self.flush()
        finally:
            self._worker.shutdown()
            with os_errors():
                self._records.close()

    def _submit_event(self, make_event: Callable[[], event_pb2.Event]) -> None:
        self._submit(functools.partial(self._write, make_event, time.time()))

    def _submit(self, task: Callable[[], None]) -> None:
        # A few, so that a picture holds nothing up; not more, so that a slow disk does,
        # instead of filling the memory, and an error comes to light soon.
        self._wait(MAX_PENDING - 1)
        try:
            self._pending.append(self._worker.submit(self._run, task))
        except RuntimeError:  # at the interpreter's end there are no threads any more
            self._run(task)

    def _run(self, task: Callable[[], None]) -> None:
        """Calls a task unless one before it failed: a checkpoint vouches for those."""
        if self._has_failed:
            return
        # Not where events wait already: then it is `fit` that would have to.
        if len(self._pending) <= 1:
            time.sleep(HEAD_START_SECONDS)
        try:
            task()
        except BaseException:
            self._has_failed = True
            raise

    def _wait(self, most: int) -> None:
        """Waits until at most so many events are still to be written."""
        while self._pending and (len(self._pending) > most or self._pending[0].done()):
            # One that failed stays, and fails whatever comes after it.
            self._pending[0].result()
            self._pending.popleft()

    def _write(
        self, make_event: Callable[[], event_pb2.Event], wall_time: float
    ) -> None:
        event = make_event()
        event.wall_time = wall_time
        with os_errors():
            self._records.write(event.SerializeToString())
            self._records.flush()
