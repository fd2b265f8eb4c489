"""A run's records -> CSV, for a spreadsheet or a data frame."""

from __future__ import annotations

from deepxor.board import flow
from deepxor.board.plugin.payload import Records

_HEADINGS = ("run", "step", "layer", *flow.QUANTITIES)


def csv_bytes(run: str, records: Records) -> bytes:
    """Returns a line a record and layer; empty where a quantity was not measured.

    Args:
        run: Its name.
        records: The run's.
    """
    name, *layers = (_quoted(text) for text in (run, *records.layers))
    lines = [",".join(_HEADINGS)]
    for step, table in zip(records.steps, records.tables, strict=True):
        # The shortest text that is this float32 and no other.
        for layer, numbers in zip(layers, table.T.astype(str).tolist(), strict=True):
            cells = ("" if number == "nan" else number for number in numbers)
            lines.append(",".join([name, f"{step:.0f}", layer, *cells]))
    # A lone surrogate, which JSON may hold, is not UTF-8.
    return ("\r\n".join(lines) + "\r\n").encode(errors="replace")


def _quoted(text: str) -> str:
    # A spreadsheet takes a name that begins with one of these for a formula.
    safe = "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
    return '"' + safe.replace('"', '""') + '"'
