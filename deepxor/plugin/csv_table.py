"""Writes a run's records as CSV, for a spreadsheet or a data frame."""

from __future__ import annotations

from collections.abc import Iterator

from deepxor.events import gradient_flow
from deepxor.plugin.payload import Records
from deepxor.text import table_csv


def csv_bytes(run: str, records: Records) -> bytes:
    """Returns CSV with a heading and a line for each record and layer.

    A cell is empty if the quantity was not measured.

    Args:
        run: The name of the run.
        records: The records of the run.
    """
    heading = ("run", "step", "layer", *gradient_flow.QUANTITIES)
    text = table_csv(heading, _rows(run, records), line_end="\r\n")
    return text.encode()


def _rows(run: str, records: Records) -> Iterator[list[object]]:
    for step, table in zip(records.steps, records.tables, strict=True):
        # As text, a number is the shortest one that is this float32 and no other.
        for layer, numbers in zip(records.layers, table.T, strict=True):
            yield [run, int(step), layer, *numbers]
