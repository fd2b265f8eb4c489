"""Joins the series of a run: a training has several if its layers change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepxor.events import gradient_flow
from deepxor.text import LONGEST_NAME, printable

# The largest number of layers that are shown of a run, of its series, and of the values
# in its table: 1,000 records of 1,000 layers. So no file can fill the memory, as every
# record has a place for every layer of every series.
MAX_LAYERS, MAX_SERIES = 2_000, 1_000
MAX_VALUES = 2**25


@dataclass(frozen=True)
class Part:
    """Holds one series.

    Attributes:
        names: The names of the quantities and of the layers.
        records: The step, the time of writing and the table, [quantities, layers], of
            each record, in any order.
    """

    names: gradient_flow.Names
    records: list[tuple[int, float, np.ndarray]]


@dataclass(frozen=True)
class Joined:
    """Holds all series of a run as one.

    Attributes:
        layers: The names of the layers of all series, in forward order, printable.
        steps: The steps of the records, int [records], rising.
        tables: The records, float32 [records, len(gradient_flow.QUANTITIES), layers];
            NaN where a record does not have a layer or a quantity.
        left_out: What was too much, a text for each; empty if nothing was.
    """

    layers: tuple[str, ...]
    steps: np.ndarray
    tables: np.ndarray
    left_out: tuple[str, ...] = ()


def join(parts: Sequence[Part], most: int = MAX_VALUES) -> Joined | None:
    """Joins series by step.

    If a layer was recorded twice at a step, the record that was written later counts.
    Of too many layers those in the middle are left out, and of too many records some of
    each stretch of the training.

    Args:
        parts: The series.
        most: The largest number of values in the table.

    Returns:
        The joined series, or None if there are no records.
    """
    found = sorted((part for part in parts if part.records), key=_first_step)
    if not found:
        return None
    left_out = [_excess("series", len(found), MAX_SERIES)]
    found = found[:MAX_SERIES]
    layers: Sequence[str] = []
    for part in found:
        # Cut at once, as the time to join grows with the number of layers.
        joined = gradient_flow.joined_layers(layers, _both_ends(part.names[1]))
        layers = _both_ends(joined)
    count = len({layer for part in found for layer in part.names[1]})
    left_out.append(_excess("layers", count, MAX_LAYERS))
    steps = np.unique([step for part in found for step, *_ in part.records])
    quantities = len(gradient_flow.QUANTITIES)
    room = max(2, most // (quantities * len(layers)))
    left_out.append(_excess("records", len(steps), room))
    if len(steps) > room:
        steps = steps[np.linspace(0, len(steps) - 1, room).round().astype(int)]
    tables = np.full((len(steps), quantities, len(layers)), np.nan, np.float32)
    written = np.full((len(steps), len(layers)), -np.inf)
    place = {layer: column for column, layer in enumerate(layers)}
    for part in found:
        _write(part, place, steps, tables, written)
    return Joined(
        tuple(printable(layer, LONGEST_NAME) for layer in layers),
        steps,
        tables,
        tuple(filter(None, left_out)),
    )


def _write(
    part: Part,
    place: dict[str, int],
    steps: np.ndarray,
    tables: np.ndarray,
    written: np.ndarray,
) -> None:
    """Writes a series into the tables where it is newer than what is there."""
    own = [column for column, layer in enumerate(part.names[1]) if layer in place]
    records = _latest(part, set(steps.tolist()))
    if not own or not records:
        return
    columns = np.array([place[part.names[1][column]] for column in own])
    rows = np.searchsorted(steps, list(records))
    # A time that is no number is earlier than all others.
    times = np.array([time for time, _ in records.values()], np.float64)[:, None]
    times = np.where(np.isnan(times), -np.inf, times)
    cells = np.ix_(rows, columns)
    is_newer = times >= written[cells]
    written[cells] = np.where(is_newer, times, written[cells])
    for row, name in enumerate(gradient_flow.QUANTITIES):
        target = tables[:, row]
        values = _values(part, records, name)
        target[cells] = np.where(is_newer, values[:, own], target[cells])


def _first_step(part: Part) -> int:
    return min(step for step, *_ in part.records)


def _latest(part: Part, steps: set[int]) -> dict[int, tuple[float, np.ndarray]]:
    """Returns the time and the table of the latest record of each of some steps."""
    return {
        step: (time, table)
        for step, time, table in sorted(part.records, key=lambda record: record[:2])
        if step in steps
    }


def _values(
    part: Part, records: dict[int, tuple[float, np.ndarray]], name: str
) -> np.ndarray:
    """Returns a quantity, float32 [records, layers]; NaN if the series lacks it."""
    quantities, layers = part.names
    if name not in quantities:
        return np.full((len(records), len(layers)), np.nan, np.float32)
    row = quantities.index(name)
    with np.errstate(over="ignore"):
        return np.stack(
            [table[row].astype(np.float32) for _, table in records.values()]
        )


def _both_ends(layers: Sequence[str]) -> Sequence[str]:
    """Returns layers without those in the middle that are too many."""
    half = MAX_LAYERS // 2
    is_short = len(layers) <= MAX_LAYERS
    return layers if is_short else [*layers[:half], *layers[-half:]]


def _excess(things: str, count: int, most: int) -> str:
    """Returns what is left out, as in "2,000 layers are shown; 9 more are left out"."""
    if count <= most:
        return ""
    return f"{most:,} {things} are shown; {count - most:,} more are left out"
