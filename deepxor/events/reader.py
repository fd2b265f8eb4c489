"""Reads event files; no other module does."""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
import os
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2, summary_pb2

from deepxor.events import gradient_flow
from deepxor.events.joining import MAX_SERIES, MAX_VALUES, Part, join
from deepxor.events.record_file import BrokenFileError, read_records
from deepxor.events.tensor import numbers
from deepxor.runs.json_file import parse_json
from deepxor.runs.regular_file import check_regular

PATTERN = "events.out.tfevents.*"

# The largest record that is parsed, which takes up to 44 times as much memory. What the
# reader reads is much smaller; the graph of a large model is not, and is not read.
MAX_PARSED_BYTES = 2**24


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
        damage: What could not be read and why, a text for each; a text may have any
            letters.
        unfinished: Which files end inside of a record, a text for each, as a file does
            while it is written and after its process was killed.
    """

    scalars: dict[str, dict[int, float]] = field(default_factory=dict)
    flow: GradientFlow | None = None
    diagnosis: dict[str, str | None] = field(default_factory=dict)
    damage: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()


def event_files(run_dir: str | os.PathLike[str]) -> list[Path]:
    """Returns a run's event files.

    Args:
        run_dir: The run's folder.

    Returns:
        The paths, the oldest file first.
    """
    return sorted(Path(run_dir).glob(PATTERN))


def event_folders(
    logdir: str | os.PathLike[str],
    on_error: Callable[[OSError], object] | None = None,
) -> list[Path]:
    """Returns the folders with event files, which are TensorBoard's runs.

    Args:
        logdir: The logdir, which is one of the folders if it has event files itself.
        on_error: What is called with the error of each folder that cannot be looked
            into; None for nothing.

    Returns:
        The paths, sorted.
    """
    walked = os.walk(logdir, onerror=on_error)
    return sorted(
        Path(folder)
        for folder, folders, files in walked
        if fnmatch.filter((*folders, *files), PATTERN)
    )


def flow_names(run_dir: str | os.PathLike[str]) -> gradient_flow.Names | None:
    """Returns the names of the first series of a run.

    Args:
        run_dir: The run's folder, which need not exist. A file that breaks off in the
            middle is read up to there.

    Returns:
        The names, or None if there is no series.
    """
    for path in event_files(run_dir):
        with contextlib.suppress(OSError, BrokenFileError):
            names = _file_names(path)
            if names is not None:
                return names
    return None


def _file_names(path: Path) -> gradient_flow.Names | None:
    tag = gradient_flow.TAG.encode()
    check_regular(path)
    for record in read_records(path):
        # Records without the tag are not parsed, as a file may be long.
        is_wanted = tag in record and len(record) <= MAX_PARSED_BYTES
        event = _event(record) if is_wanted else None
        for value in event.summary.value if event else ():
            if value.tag == gradient_flow.TAG:
                names = gradient_flow.names(value.metadata.plugin_data.content)
                if names is not None:
                    return names
    return None


def read_run(
    run_dir: str | os.PathLike[str],
    tags: Collection[str] | None = None,
    max_values: int = MAX_VALUES,
) -> RunEvents:
    """Reads a run's scalars, records of gradients and diagnosis in one pass.

    Args:
        run_dir: The run's folder. A file that cannot be read any further is read up to
            there.
        tags: The tags of the scalars to read; None for all.
        max_values: The largest number of values of the records of gradients that are
            read, as `join` takes it.

    Returns:
        The content of the files; if a step was written twice, the later value.
    """
    reading = _Reading(tags)
    for path in event_files(run_dir):
        reading.read(path)
    scalars = {
        tag: dict(sorted(values.items())) for tag, values in reading.scalars.items()
    }
    flow = reading.flow(max_values)  # which may add to the damage
    damage, unfinished = tuple(reading.damage), tuple(reading.unfinished)
    return RunEvents(scalars, flow, reading.diagnosis, damage, unfinished)


class _Reading:
    """Collects the content of a run's files."""

    def __init__(self, tags: Collection[str] | None) -> None:
        self._tags = tags
        # Only the first value of a tag needs to have metadata, so they are kept.
        self._plugins: dict[str, str] = {}
        # The keys are the suffixes of the series' tags.
        self._parts: dict[str, Part] = {}
        self._order = itertools.count()
        self._left_out: Counter[str] = Counter()
        self._damage: list[str] = []
        self.scalars: dict[str, dict[int, float]] = {}
        self.diagnosis: dict[str, str | None] = {}
        self.unfinished: list[str] = []

    @property
    def damage(self) -> list[str]:
        """What could not be read and why."""
        counts = (f"{count:,} {what}" for what, count in self._left_out.items())
        return [*self._damage, *counts]

    def read(self, path: Path) -> None:
        """Reads a file up to where it breaks off."""
        try:
            check_regular(path)
            for record in read_records(path):
                if len(record) > MAX_PARSED_BYTES:
                    self._leave_out_large(record, path.name)
                    continue
                event = _event(record)
                if event is None:
                    self._left_out[
                        f"of the records of {path.name} left out: no events"
                    ] += 1
                    continue
                for value in event.summary.value:
                    self.add(value, event.step)
        except BrokenFileError as error:
            if error.is_cut:
                self.unfinished.append(f"{path.name} ends in an {error}")
            else:
                self._damage.append(
                    f"{path.name} is damaged ({error}): read up to there"
                )
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._damage.append(f"{path.name} cannot be read ({reason})")

    def _leave_out_large(self, record: bytes, name: str) -> None:
        """Counts a record that is too large, if it may hold what is wanted."""
        wanted = (gradient_flow.TAG, gradient_flow.DIAGNOSIS_TAG, *(self._tags or ()))
        if self._tags is None or any(tag.encode() in record for tag in wanted):
            self._left_out[f"of the records of {name} left out: too large"] += 1

    def add(self, value: summary_pb2.Summary.Value, step: int) -> None:
        tag = value.tag
        if value.HasField("metadata"):
            self._plugins.setdefault(tag, value.metadata.plugin_data.plugin_name)
        plugin = self._plugins.get(tag, "")
        suffix = gradient_flow.tag_suffix(tag)
        if suffix is not None:
            self._add_table(suffix, value, step)
        elif tag == gradient_flow.DIAGNOSIS_TAG:
            self._add_diagnosis(value)
        elif self._tags is None or tag in self._tags:
            number = _number(value, plugin)
            if number is not None:
                self.scalars.setdefault(tag, {})[step] = number

    def flow(self, max_values: int) -> GradientFlow | None:
        """Returns the records whose shape fits the names of their series."""
        joined = join(list(self._parts.values()), max_values)
        if joined is None:
            return None
        self._damage += joined.left_out
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
                self._left_out[
                    "records of gradients left out: they name no layers"
                ] += 1
                return
            if len(self._parts) >= MAX_SERIES:
                self._left_out["records of gradients left out: too many series"] += 1
                return
            self._parts[suffix] = Part(names, [])
        part = self._parts[suffix]
        table = numbers(value.tensor, tuple(map(len, part.names)))
        if table is None:
            self._left_out[
                f"records of gradients left out: not {len(part.names[0]):,} quantities "
                f"x {len(part.names[1]):,} layers, as the first of them says"
            ] += 1
        else:
            part.records.append((step, next(self._order), table))

    def _add_diagnosis(self, value: summary_pb2.Summary.Value) -> None:
        found = _diagnosis(value)
        if found is None:
            self._left_out["diagnoses left out: they cannot be read"] += 1
        else:
            self.diagnosis = found or self.diagnosis


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
    array = numbers(value.tensor)
    return None if array is None else float(array.item())


def _diagnosis(value: summary_pb2.Summary.Value) -> dict[str, str | None] | None:
    """Returns the diagnosis at a run's end; empty if it is one of before.

    It is None if it cannot be read.
    """
    content = b"".join(value.tensor.string_val[:1])
    if len(content) > gradient_flow.MAX_DIAGNOSIS_BYTES:
        return None
    try:
        found = parse_json(content)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    if found.get("is_running"):
        return {}
    fields = {name: found.get(name) for name in gradient_flow.DIAGNOSIS_FIELDS}
    is_right = isinstance(fields["verdict"], str) and all(
        isinstance(text, (str, type(None))) for text in fields.values()
    )
    return fields if is_right else None
