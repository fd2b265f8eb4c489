"""Encodes a run's records as the bytes that the Gradient flow tab fetches.

The layout is as follows, with all numbers little-endian:

    uint32   length of the header
    header   UTF-8 JSON, padded with spaces so that what follows is aligned to 8 bytes
    blocks   one after the other, each padded with zeros to a multiple of 8 bytes

The header has these keys:

    error      why there is nothing to show, and then no more keys; or null
    layers     names in forward order
    columns    number of columns
    replicas   number of networks that were trained side by side, or null for one model
    note       what was left out and why, or null
    diagnosis  the object of `gradient_flow.DIAGNOSIS_TAG`, or null if there is none
    fault_step the step of the first record that showed the fault, or null
    blocks     [{name, type, low, high}], in the order of the bytes

The first block, "step", is float64 [columns]. Each of the others is a quantity,
[columns, layers], of one of these types:

    "u16"       low + code / 65533 * (high - low); 65534 infinite, 65535 NaN
    "fraction"  uint8, code / 254, where 0 and 254 are exactly 0 and 1; 255 NaN
    "count"     uint8, 254 for that many and more; 255 NaN
    "constant"  no bytes: all values are `low`, and NaN where that is null

A column is one of the run's records and not a mean of many, so that the tab shows what
was written. Of the records that share a column it is the first, or the one with the
most non-finite layers, so that not even a single NaN goes unseen. Columns lie close
together at the start, where the first steps would otherwise share one column of a
logarithmic axis.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from deepxor.events import gradient_flow
from deepxor.events.joining import Part, join
from deepxor.quantities import BYTE_FRACTION, U16, in_tab
from deepxor.text import printable, printable_lines

# The size in bytes that a run's reply is kept to by showing fewer columns, of which
# there are at most so many. One that has many layers is larger for their names.
MAX_BYTES = 195_000
MAX_COLUMNS = 1_000

# The largest number of values of a run that are read, 1,000 records of 600 layers, and
# of columns of one overview, which has 16.
MAX_VALUES = 2**24
_MAX_OVERVIEW = 1_000

# The largest step that a page's numbers hold exactly.
_MAX_STEP = 2**53

# The room in bytes for the blocks in the header, and the length to which names are cut.
_BLOCKS_BYTES = 2_000
_MAX_NAME = 80

_CONSTANT = "constant"
_CODING = {
    row: quantity.coding
    for quantity in in_tab()
    for row in gradient_flow.rows_of(quantity)
} | dict.fromkeys(gradient_flow.REPLICA_ROWS, U16)


class UnreadableRunError(ValueError):
    """Says why a run's records cannot be shown."""


class Datum(Protocol):
    """A value of a series, as TensorBoard's data provider returns it."""

    step: int
    wall_time: float
    numpy: np.ndarray


@dataclass(frozen=True)
class Series:
    """Holds one of a run's series, as TensorBoard returns it.

    Attributes:
        content: The content of the plugin in the metadata of the series.
        records: The values under `gradient_flow.TAG`.
        overview: The values under `gradient_flow.OVERVIEW_TAG`.
    """

    content: bytes
    records: Sequence[Datum]
    overview: Sequence[Datum] = ()


@dataclass(frozen=True)
class Records:
    """Holds the records of a run.

    Attributes:
        layers: The names of the layers in forward order.
        steps: The steps of the records, float64 [records], rising.
        tables: The records, float32 [records, quantities, layers], with the quantities
            of `gradient_flow.QUANTITIES`. A quantity that is measured at some records
            only has its latest value at the others.
        note: What was left out and why; None if nothing was.
    """

    layers: list[str]
    steps: np.ndarray
    tables: np.ndarray
    note: str | None


def gather(series: Sequence[Series]) -> Records:
    """Returns the records of all series by step, without those that cannot be shown.

    Args:
        series: The series of the run.

    Raises:
        UnreadableRunError: If there are no records to show.
    """
    parts, notes = [], []
    for one in series:
        names = gradient_flow.names(one.content)
        if names is None:
            notes.append("The first record does not name its layers and quantities.")
            continue
        records, note = _of_shape(one, names)
        parts.append(Part(names, records))
        notes += [note] if note else []
    joined = join(parts, MAX_VALUES)
    notes += joined.left_out if joined else ()
    note = printable("; ".join(notes)) or None
    if joined is None:
        raise UnreadableRunError(note or "There are no records yet.")
    steps = joined.steps.astype(np.float64)
    return Records(
        list(joined.layers), steps, gradient_flow.filled_forward(joined.tables), note
    )


def _of_shape(
    series: Series, names: gradient_flow.Names
) -> tuple[list[tuple[int, float, np.ndarray]], str | None]:
    """Returns the records whose shape fits the names, and a note on the others."""
    shape = (len(names[0]), len(names[1]))
    found = [
        (datum.step, datum.wall_time, datum.numpy)
        for datum in series.records
        if datum.numpy.shape == shape and datum.numpy.dtype.kind in "fiu"
    ]
    notes = []
    if left_out := len(series.records) - len(found):
        notes.append(
            f"{left_out} of {len(series.records)} records left out: not "
            f"{shape[0]} quantities x {shape[1]} layers, as the first record says"
        )
    fitting = [_columns(datum, shape) for datum in series.overview]
    if too_many := sum(max(0, len(columns) - _MAX_OVERVIEW) for columns in fitting):
        notes.append(f"{too_many:,} more records of overviews left out")
    for datum, rows in zip(series.overview, fitting, strict=True):
        found += _records(datum, rows[:_MAX_OVERVIEW], shape)
    return found, "; ".join(notes) or None


def _columns(datum: Datum, shape: tuple[int, int]) -> np.ndarray:
    """Returns the rows of an overview that are records, [records, 1 + values]."""
    rows = datum.numpy
    width = 1 + shape[0] * shape[1]
    if rows.ndim != 2 or rows.shape[1] != width or rows.dtype.kind != "f":
        return np.empty((0, width), np.float32)
    # The first number is that of the steps since the record.
    is_step = (rows[:, 0] >= 0) & (rows[:, 0] <= _MAX_STEP)
    return rows if is_step.all() else rows[is_step]


def _records(
    datum: Datum, rows: np.ndarray, shape: tuple[int, int]
) -> list[tuple[int, float, np.ndarray]]:
    """Returns the step, the time and the table of each record of an overview."""
    tables = rows[:, 1:].reshape(-1, *shape)
    steps = (datum.step - int(since) for since in rows[:, 0])
    return [
        (step, datum.wall_time, table)
        for step, table in zip(steps, tables, strict=True)
        if step >= -(2**63)
    ]


def encode(records: Records, diagnosis: object) -> bytes:
    """Returns the reply for a run.

    Args:
        records: The records of the run.
        diagnosis: The diagnosis, as it was parsed from the run's JSON; None if there is
            none.
    """
    tables = {
        name: records.tables[:, row]
        for row, name in enumerate(gradient_flow.QUANTITIES)
    }
    constant = {name: _constant(table) for name, table in tables.items()}
    column_bytes = 8 + len(records.layers) * sum(
        _item_bytes(name) for name in tables if constant[name] is None
    )
    header: dict[str, object] = {
        "error": None,
        "layers": [layer[:_MAX_NAME] for layer in records.layers],
        "note": records.note,
        "replicas": _replicas(records.tables),
        "diagnosis": _cut_diagnosis(diagnosis),
        "fault_step": _fault_step(diagnosis),
    }
    room = MAX_BYTES - len(_header(header)) - _BLOCKS_BYTES
    columns = min(room // column_bytes, MAX_COLUMNS)
    chosen = choose(gradient_flow.non_finite_layers(records.tables), max(1, columns))
    blocks: list[dict[str, object]] = [{"name": "step", "type": "f64"}]
    parts = [records.steps[chosen].astype("<f8").tobytes()]
    for name, table in tables.items():
        value = constant[name]
        if value is None:
            block, data = _coded(name, table[chosen])
            parts.append(data + b"\0" * (-len(data) % 8))
        else:
            block = {"type": _CONSTANT, "low": None if math.isnan(value) else value}
        blocks.append({"name": name, **block})
    header |= {"columns": len(chosen), "blocks": blocks}
    return b"".join([_header(header), *parts])


def encode_error(reason: str) -> bytes:
    """Returns the reply for a run that cannot be shown.

    Args:
        reason: The reason, which the card of the run shows.
    """
    return _header({"error": printable(reason)})


def choose(non_finite: np.ndarray, columns: int) -> np.ndarray:
    """Returns the indices of the records to show, rising.

    Args:
        non_finite: The number of layers of each record that are not finite, int
            [records].
        columns: The largest number of records to show.
    """
    count = len(non_finite)
    if count <= columns:
        return np.arange(count)
    # The first and the last record have columns of their own, as they show the start of
    # the training and its present state.
    even = np.linspace(0, count - 1, max(1, columns // 2))
    early = np.geomspace(1, count, max(1, columns - columns // 2)) - 1
    starts = np.unique(np.concatenate([even, early]).round().astype(int))
    ends = np.append(starts[1:], count)
    return np.array(
        [
            start + int(non_finite[start:end].argmax())
            for start, end in zip(starts, ends, strict=True)
        ]
    )


def _constant(table: np.ndarray) -> float | None:
    """Returns the value that all elements have, or None if they differ."""
    first = table.flat[0]
    if np.isnan(first):
        return math.nan if np.isnan(table).all() else None
    if not np.isfinite(first):
        return None
    return float(first) if (table == first).all() else None


def _item_bytes(name: str) -> int:
    return 2 if _CODING[name] == U16 else 1


def _coded(name: str, table: np.ndarray) -> tuple[dict[str, object], bytes]:
    coding = _CODING[name]
    missing = np.isnan(table)
    if coding == U16:
        return _coded_u16(table, missing)
    if coding == BYTE_FRACTION:
        inside = (table > 0) & (table < 1)
        codes = np.clip(np.where(missing, 0, table), 0, 1) * 254
        codes = np.where(inside, np.clip(codes.round(), 1, 253), codes)
    else:
        codes = np.clip(np.where(missing, 0, table), 0, 254)
    codes = np.where(missing, 255, codes)
    return {"type": coding}, codes.astype(np.uint8).tobytes()


def _coded_u16(
    table: np.ndarray, missing: np.ndarray
) -> tuple[dict[str, object], bytes]:
    finite = np.isfinite(table)
    values = table[finite].astype(np.float64)
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    codes = np.full(table.shape, 65534, "<u2")
    codes[missing] = 65535
    codes[finite] = ((values - low) * (65533 / (high - low or 1))).round()
    block: dict[str, object] = {"type": U16, "low": float(low), "high": float(high)}
    return block, codes.tobytes()


def _replicas(tables: np.ndarray) -> int | None:
    row = tables[:, gradient_flow.QUANTITIES.index(gradient_flow.REPLICAS)]
    known = row[np.isfinite(row)]
    return int(known[-1]) if known.size else None


def _cut_diagnosis(diagnosis: object) -> dict[str, object] | None:
    """Returns the fields of a diagnosis that the tab shows.

    They are texts but for "is_running", whether the training went on.
    """
    if not isinstance(diagnosis, dict):
        return None
    texts = {
        key: printable_lines(text)
        if isinstance(text := diagnosis.get(key), str)
        else None
        for key in gradient_flow.DIAGNOSIS_FIELDS
    }
    return {**texts, "is_running": diagnosis.get("is_running") is True}


def _fault_step(diagnosis: object) -> int | None:
    step = diagnosis.get("fault_step") if isinstance(diagnosis, dict) else None
    return step if type(step) is int and abs(step) <= _MAX_STEP else None


def _header(header: dict[str, object]) -> bytes:
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
    data = text.encode()
    data += b" " * (-(len(data) + 4) % 8)
    return len(data).to_bytes(4, "little") + data
