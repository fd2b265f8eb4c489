"""Reads event files; no other module does."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.util import tensor_util

from deepxor.events import gradient_flow
from deepxor.events.joining import Part, join

# A record of the file is its length (8 bytes), the checksum of the length (4 bytes),
# the content, and the checksum of the content (4 bytes).
_FRAME_BYTES = 16

PATTERN = "events.out.tfevents.*"


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """Holds a run's records of the gradients of its layers.

    Attributes:
        steps: The steps of the records, int [records], rising.
        layers: The names of the layers of all series, in forward order.
        quantities: The values of each of `gradient_flow.QUANTITIES` by name, float
            [records, layers] each; NaN where a record does not have the value.
    """

    steps: np.ndarray
    layers: tuple[str, ...]
    quantities: dict[str, np.ndarray]

    @property
    def tables(self) -> np.ndarray:
        """The records, float32 [records, len(gradient_flow.QUANTITIES), layers]."""
        rows = [self.quantities[name] for name in gradient_flow.QUANTITIES]
        return np.stack(rows, axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class RunEvents:
    """Holds what the report reads of a run's event files.

    Attributes:
        scalars: The values by tag and step, with rising steps.
        flow: The records of the gradients; None if there are none that can be read.
        diagnosis: `gradient_flow.DIAGNOSIS_FIELDS` by name, each a string or None;
            empty if there is no diagnosis.
    """

    scalars: dict[str, dict[int, float]] = field(default_factory=dict)
    flow: GradientFlow | None = None
    diagnosis: dict[str, str | None] = field(default_factory=dict)


def event_files(run_dir: str | os.PathLike[str]) -> list[Path]:
    """Returns a run's event files.

    Args:
        run_dir: The run's folder.

    Returns:
        The paths, the oldest file first.
    """
    return sorted(Path(run_dir).glob(PATTERN))


def event_folders(logdir: str | os.PathLike[str]) -> list[Path]:
    """Returns the folders with event files, which are TensorBoard's runs.

    Args:
        logdir: The logdir, which is one of the folders if it has event files itself.

    Returns:
        The paths, sorted.
    """
    return sorted({path.parent for path in Path(logdir).rglob(PATTERN)})


def flow_names(run_dir: str | os.PathLike[str]) -> gradient_flow.Names | None:
    """Returns the names of the first series of a run.

    Args:
        run_dir: The run's folder, which need not exist. A file that breaks off in the
            middle is read up to there.

    Returns:
        The names, or None if there is no series.
    """
    for path in event_files(run_dir):
        with contextlib.suppress(OSError):
            names = _file_names(path)
            if names is not None:
                return names
    return None


def _file_names(path: Path) -> gradient_flow.Names | None:
    tag = gradient_flow.TAG.encode()
    for record in _records(path):
        # Records without the tag are not parsed, as a file may be long.
        event = _event(record) if tag in record else None
        for value in event.summary.value if event else ():
            if value.tag == gradient_flow.TAG:
                names = gradient_flow.names(value.metadata.plugin_data.content)
                if names is not None:
                    return names
    return None


def read_run(
    run_dir: str | os.PathLike[str], tags: Container[str] | None = None
) -> RunEvents:
    """Reads a run's scalars, records of gradients and diagnosis in one pass.

    Args:
        run_dir: The run's folder. A file that breaks off in the middle is read up to
            there.
        tags: The tags of the scalars to read; None for all.

    Returns:
        The content of the files; if a step was written twice, the later value.
    """
    reading = _Reading(tags)
    for path in event_files(run_dir):
        for event in _events(path):
            for value in event.summary.value:
                reading.add(value, event.step)
    scalars = {
        tag: dict(sorted(values.items())) for tag, values in reading.scalars.items()
    }
    return RunEvents(scalars, reading.flow(), reading.diagnosis)


class _Reading:
    """Collects the content of a run's files."""

    def __init__(self, tags: Container[str] | None) -> None:
        self._tags = tags
        # Only the first value of a tag needs to have metadata, so they are kept.
        self._plugins: dict[str, str] = {}
        # The keys are the suffixes of the series' tags.
        self._parts: dict[str, Part] = {}
        self._order = itertools.count()
        self.scalars: dict[str, dict[int, float]] = {}
        self.diagnosis: dict[str, str | None] = {}

    def add(self, value: summary_pb2.Summary.Value, step: int) -> None:
        tag = value.tag
        if value.HasField("metadata"):
            self._plugins.setdefault(tag, value.metadata.plugin_data.plugin_name)
        plugin = self._plugins.get(tag, "")
        suffix = gradient_flow.tag_suffix(tag)
        if suffix is not None:
            self._add_table(suffix, value, step)
        elif tag == gradient_flow.DIAGNOSIS_TAG:
            self.diagnosis = _diagnosis(value) or self.diagnosis
        elif self._tags is None or tag in self._tags:
            number = _number(value, plugin)
            if number is not None:
                self.scalars.setdefault(tag, {})[step] = number

    def flow(self) -> GradientFlow | None:
        """Returns the records whose shape fits the names of their series."""
        joined = join(list(self._parts.values()))
        if joined is None:
            return None
        columns = {
            name: joined.tables[:, row].astype(np.float64)
            for row, name in enumerate(gradient_flow.QUANTITIES)
        }
        return GradientFlow(joined.steps, joined.layers, columns)

    def _add_table(
        self, suffix: str, value: summary_pb2.Summary.Value, step: int
    ) -> None:
        if suffix not in self._parts:
            names = gradient_flow.names(value.metadata.plugin_data.content)
            if names is None:
                return
            self._parts[suffix] = Part(names, [])
        part = self._parts[suffix]
        table = _array(value.tensor)
        if table is not None and table.shape == tuple(map(len, part.names)):
            part.records.append((step, next(self._order), table))


def _events(path: Path) -> Iterator[event_pb2.Event]:
    """Yields the events of a file up to where it breaks off."""
    for record in _records(path):
        event = _event(record)
        if event is None:
            return
        yield event


def _records(path: Path) -> Iterator[bytes]:
    """Yields the records of a file up to where it breaks off.

    TensorBoard's own loader imports TensorFlow, which takes three seconds, or checks
    every byte in Python, which takes a minute for a hundred runs. This function checks
    the checksum of a record's length only; its caller finds out whether it parses.
    """
    with path.open("rb") as file:
        whole = os.fstat(file.fileno()).st_size
        while len(header := file.read(12)) == 12:
            size, checksum = struct.unpack("<QI", header)
            # No memory is reserved for a record that claims to be longer than the file.
            if masked_crc32c(header[:8]) != checksum or size > whole:
                return
            record = file.read(size)
            if len(record) < size or len(file.read(4)) < 4:
                return
            yield record


def _event(record: bytes) -> event_pb2.Event | None:
    try:
        return event_pb2.Event.FromString(record)
    except DecodeError:
        return None


def _number(value: summary_pb2.Summary.Value, plugin: str) -> float | None:
    if value.HasField("simple_value"):  # as TensorFlow 1 wrote scalars
        return float(value.simple_value)
    if plugin != "scalars":
        return None
    array = _array(value.tensor)
    return float(array.item()) if array is not None and array.size == 1 else None


def _array(tensor: tensor_pb2.TensorProto) -> np.ndarray | None:
    """Returns the numbers of a tensor, or None if it is broken or has no numbers."""
    try:
        array = tensor_util.make_ndarray(tensor)
    except (TypeError, ValueError):
        return None
    return array if np.issubdtype(array.dtype, np.number) else None


def _diagnosis(value: summary_pb2.Summary.Value) -> dict[str, str | None]:
    """Returns the diagnosis at a run's end; empty if it is broken or of before."""
    found = _json(b"".join(value.tensor.string_val[:1]))
    fields = {name: found.get(name) for name in gradient_flow.DIAGNOSIS_FIELDS}
    is_right = isinstance(fields["verdict"], str) and all(
        isinstance(text, (str, type(None))) for text in fields.values()
    )
    return fields if is_right and not found.get("is_running") else {}


def _json(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
