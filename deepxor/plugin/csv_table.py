"""Writes a run's records as CSV, for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io

from deepxor.events import gradient_flow
from deepxor.plugin.payload import Records
from deepxor.text import text_cell

_HEADINGS = ("run", "step", "layer", *gradient_flow.QUANTITIES)


def csv_bytes(run: str, records: Records) -> bytes:
    """Returns CSV with a heading and a line for each record and layer.

    A cell is empty if the quantity was not measured.

    Args:
        run: The name of the run.
        records: The records of the run.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_HEADINGS)
    name, *layers = map(text_cell, (run, *records.layers))
    for step, table in zip(records.steps, records.tables, strict=True):
        # As text, a number is the shortest one that is this float32 and no other.
        for layer, numbers in zip(layers, table.T.astype(str).tolist(), strict=True):
            cells = ("" if number == "nan" else number for number in numbers)
            writer.writerow([name, f"{step:.0f}", layer, *cells])
    # Names from JSON may have a lone surrogate, which UTF-8 cannot encode.
    return file.getvalue().encode(errors="replace")
