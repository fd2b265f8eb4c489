"""A run's records -> the bytes that the Gradient flow tab fetches.

Layout, all little-endian:

    uint32   length of the header
    header   UTF-8 JSON, padded with spaces so that what follows is aligned to 8 bytes
    blocks   one after the other, each padded with zeros to a multiple of 8 bytes

Header:

    error      why there is nothing to show, or null; then no more keys
    layers     names in forward order
    columns    number of columns
    records    number of records behind them
    note       what was left out and why, or null
    diagnosis  the object of `flow.DIAGNOSIS_TAG`, or null while there is none
    blocks     [{name, type, low, high}], in the order of the bytes

The first block, "step", is float64 [columns]. The others are [columns, layers], a
quantity each:

    "u16"       low + code / 65533 * (high - low); 65534 infinite, 65535 NaN
    "fraction"  uint8, code / 254, where 0 and 254 are exactly 0 and 1; 255 NaN
    "count"     uint8, 254 for that many and more; 255 NaN
    "constant"  no bytes: all values are `low`, and NaN where that is null

A column is one of the run's records, not a mean of many, so that what the tab says of a
step is what was written: of those that share a column, the first, or the one with most
non-finite layers, as a single NaN is what somebody looks for. Columns crowd towards
the start, where the first steps would otherwise share one on a logarithmic axis.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepxor.board import flow

# Of a run's reply, header and all, at any number of layers that TensorBoard would show.
MAX_BYTES = 195_000
MAX_COLUMNS = 1_000

# Of the header: the blocks.
_BLOCKS_BYTES = 2_000
_MAX_TEXT = 2_000
_MAX_NAME = 80

_U16, _FRACTION, _COUNT, _CONSTANT = "u16", "fraction", "count", "constant"
_CODING = {
    "zero_fraction": _FRACTION,
    "non_finite": _COUNT,
    "dead_fraction": _FRACTION,
    "saturated_fraction": _FRACTION,
}
# Measured at some records only: the latest measurement stands until the next.
_SPARSE = ("update_ratio_log10", "dead_fraction", "saturated_fraction")


class UnreadableRunError(ValueError):
    """A run's records are not what `flow` writes; the message says why."""


@dataclass(frozen=True)
class Records:
    """The records of a run.

    Attributes:
        layers: Names in forward order.
        steps: float64 [records], rising.
        tables: float32 [records, quantities, layers], as in `flow.QUANTITIES`.
        note: What was left out and why, if anything was.
    """

    layers: list[str]
    steps: np.ndarray
    tables: np.ndarray
    note: str | None


def parse_content(content: bytes) -> tuple[list[str], list[str]]:
    """Reads what the first record says of all.

    Args:
        content: The plugin's content of the series.

    Returns:
        Layers and quantities.

    Raises:
        UnreadableRunError: If it is something else.
    """
    try:
        parsed = json.loads(content)
        layers, quantities = parsed["layers"], parsed["quantities"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnreadableRunError(
            "The first record does not name its layers and quantities."
        ) from None
    for names in (layers, quantities):
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise UnreadableRunError("Layers and quantities are not lists of names.")
    if not layers or "norm_log10" not in quantities:
        raise UnreadableRunError("There are no layers, or no gradient norms.")
    return layers, quantities


def gather(
    content: bytes, steps: Sequence[int], times: Sequence[float], tables: Sequence
) -> Records:
    """Sorts records by step and leaves out what cannot be shown.

    Args:
        content: The plugin's content of the series.
        steps: Of each record.
        times: When each was written; of records of one step the latest counts.
        tables: Of each record, an array.

    Raises:
        UnreadableRunError: If nothing is left.
    """
    layers, quantities = parse_content(content)
    shape = (len(quantities), len(layers))
    by_step = {}
    left_out = 0
    for i in np.lexsort((times, steps)):
        table = np.asarray(tables[i])
        if table.shape == shape and table.dtype.kind in "fiu":
            by_step[steps[i]] = table
        else:
            left_out += 1
    note = None
    if left_out:
        note = (
            f"{left_out} of {len(steps)} records left out: not "
            f"{shape[0]} quantities x {shape[1]} layers, as the first record says"
        )
    if not by_step:
        raise UnreadableRunError(note or "There are no records yet.")
    found = np.stack(list(by_step.values())).astype(np.float32)
    ordered = np.full(
        (len(found), len(flow.QUANTITIES), len(layers)), np.nan, np.float32
    )
    for row, name in enumerate(flow.QUANTITIES):
        if name in quantities:
            ordered[:, row] = found[:, quantities.index(name)]
    return Records(layers, np.array(list(by_step), np.float64), ordered, note)


def encode(records: Records, diagnosis: object) -> bytes:
    """Returns the reply for a run.

    Args:
        records: The run's.
        diagnosis: As `flow.diagnosis_value` takes it; None while there is none.
    """
    tables = {name: records.tables[:, row] for row, name in enumerate(flow.QUANTITIES)}
    for name in _SPARSE:
        tables[name] = _filled_forward(tables[name])
    constant = {name: _constant(table) for name, table in tables.items()}
    column_bytes = 8 + len(records.layers) * sum(
        _item_bytes(name) for name in tables if constant[name] is None
    )
    header: dict[str, object] = {
        "error": None,
        "layers": [layer[:_MAX_NAME] for layer in records.layers],
        "records": len(records.steps),
        "note": records.note,
        "diagnosis": _cut_diagnosis(diagnosis),
    }
    room = MAX_BYTES - len(_header(header)) - _BLOCKS_BYTES
    columns = min(room // column_bytes, MAX_COLUMNS)
    chosen = choose(tables, max(1, columns))
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
        reason: Why, for its card.
    """
    return _header({"error": reason[:_MAX_TEXT]})


def choose(tables: dict[str, np.ndarray], columns: int) -> np.ndarray:
    """Returns the indices of the records to show, rising.

    Args:
        tables: Quantity -> [records, layers].
        columns: How many at most.
    """
    count = len(tables["norm_log10"])
    if count <= columns:
        return np.arange(count)
    # The first and the last record have a column of their own: what training started
    # from, and where it is now.
    even = np.linspace(0, count - 1, max(1, columns // 2))
    early = np.geomspace(1, count, max(1, columns - columns // 2)) - 1
    starts = np.unique(np.concatenate([even, early]).round().astype(int))
    bad = (tables["non_finite"] > 0) | ~np.isfinite(tables["norm_log10"])
    worst = bad.sum(axis=1)
    ends = np.append(starts[1:], count)
    return np.array(
        [
            start + int(worst[start:end].argmax())
            for start, end in zip(starts, ends, strict=True)
        ]
    )


def _filled_forward(table: np.ndarray) -> np.ndarray:
    """Puts the latest measurement where there is none."""
    rows = np.where(np.isnan(table), -1, np.arange(len(table))[:, None])
    rows = np.maximum.accumulate(rows, axis=0)
    # -1 is the last row, which is NaN wherever nothing was measured before it.
    filled = np.take_along_axis(table, rows, axis=0)
    return np.where(rows < 0, np.nan, filled)


def _constant(table: np.ndarray) -> float | None:
    """Returns the value of all, NaN included, or None if they differ."""
    first = table.flat[0]
    if np.isnan(first):
        return math.nan if np.isnan(table).all() else None
    if not np.isfinite(first):
        return None
    return float(first) if (table == first).all() else None


def _item_bytes(name: str) -> int:
    return 1 if name in _CODING else 2


def _coded(name: str, table: np.ndarray) -> tuple[dict[str, object], bytes]:
    coding = _CODING.get(name, _U16)
    missing = np.isnan(table)
    if coding == _U16:
        return _coded_u16(table, missing)
    if coding == _FRACTION:
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
    block: dict[str, object] = {"type": _U16, "low": float(low), "high": float(high)}
    return block, codes.tobytes()


def _cut_diagnosis(diagnosis: object) -> dict[str, str | None] | None:
    """Returns what the tab shows of it, and nothing that is not text."""
    if not isinstance(diagnosis, dict):
        return None
    keys = ("verdict", "layer", "evidence", "advice")
    return {
        key: None if diagnosis.get(key) is None else str(diagnosis[key])[:_MAX_TEXT]
        for key in keys
    }


def _header(header: dict[str, object]) -> bytes:
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
    # A lone surrogate, which JSON may hold, is not UTF-8.
    data = text.encode(errors="replace")
    data += b" " * (-(len(data) + 4) % 8)
    return len(data).to_bytes(4, "little") + data
