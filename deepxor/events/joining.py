"""Joins the series of a run: a training has several if its layers change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepxor.events import gradient_flow


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
        layers: The names of the layers of all series, in forward order.
        steps: The steps of the records, int [records], rising.
        tables: The records, float32 [records, len(gradient_flow.QUANTITIES), layers];
            NaN where a record does not have a layer or a quantity.
    """

    layers: tuple[str, ...]
    steps: np.ndarray
    tables: np.ndarray


def join(parts: Sequence[Part]) -> Joined | None:
    """Joins series by step.

    If a layer was recorded twice at a step, the record that was written later counts.

    Args:
        parts: The series.

    Returns:
        The joined series, or None if there are no records.
    """
    found = sorted((part for part in parts if part.records), key=_first_step)
    if not found:
        return None
    layers: list[str] = []
    for part in found:
        layers = gradient_flow.joined_layers(layers, part.names[1])
    steps = np.unique([step for part in found for step, *_ in part.records])
    shape = (len(steps), len(gradient_flow.QUANTITIES), len(layers))
    tables = np.full(shape, np.nan, np.float32)
    written = np.full((len(steps), len(layers)), -np.inf)
    place = {layer: column for column, layer in enumerate(layers)}
    for part in found:
        own_steps, times, own = _stacked(part)
        rows = np.searchsorted(steps, own_steps)
        columns = np.array([place[layer] for layer in part.names[1]])
        cells = np.ix_(rows, columns)
        is_newer = times[:, None] >= written[cells]
        written[cells] = np.where(is_newer, times[:, None], written[cells])
        for row, table in enumerate(own):
            target = tables[:, row]
            target[cells] = np.where(is_newer, table, target[cells])
    return Joined(tuple(layers), steps, tables)


def _first_step(part: Part) -> int:
    return min(step for step, *_ in part.records)


def _stacked(part: Part) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Returns steps and times, [records] each, and each quantity, [records, layers]."""
    latest = {
        step: (time, table)
        for step, time, table in sorted(part.records, key=lambda record: record[:2])
    }
    times = np.array([time for time, _ in latest.values()])
    with np.errstate(over="ignore"):
        stacked = np.stack([table for _, table in latest.values()]).astype(np.float32)
    missing = np.full((len(latest), len(part.names[1])), np.nan, np.float32)
    quantities = part.names[0]
    tables = [
        stacked[:, quantities.index(name)] if name in quantities else missing
        for name in gradient_flow.QUANTITIES
    ]
    return np.array(list(latest)), times, tables
