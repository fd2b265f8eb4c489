"""A run's records -> CSV, for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io

from deepxor.events import gradient_flow
from deepxor.plugin.payload import Records
from deepxor.text import text_cell

_HEADINGS = ("run", "step", "layer", *gradient_flow.QUANTITIES)


def csv_bytes(run: str, records: Records) -> bytes:
    """Returns a line a record and layer; empty where a quantity was not measured.

    Args:
        run: Its name.
        records: The run's.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_HEADINGS)
    name, *layers = map(text_cell, (run, *records.layers))
    for step, table in zip(records.steps, records.tables, strict=True):
        # The shortest text that is this float32 and no other.
        for layer, numbers in zip(layers, table.T.astype(str).tolist(), strict=True):
            cells = ("" if number == "nan" else number for number in numbers)
            writer.writerow([name, f"{step:.0f}", layer, *cells])
    # A lone surrogate, which JSON may hold, is not UTF-8.
    return file.getvalue().encode(errors="replace")
