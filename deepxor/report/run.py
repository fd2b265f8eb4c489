"""One run, as tables, files and the report show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deepxor.events.reader import RunEvents


@dataclass(frozen=True, eq=False)
class ReportRun:
    """Holds what a table, a file or the report shows of one run.

    Attributes:
        name: The name, which is printable but otherwise not trusted.
        row: The values by column, one of `export.COLUMNS`; a value that is not known is
            None or missing.
        settings: The settings by name; empty if they are not known.
        remark: The text beside the verdict, such as "killed at step 300".
        events: The records of the run; empty if they were not read.
        notes: What is not shown of the run, or not as it was written, and why; a line
            for each.
    """

    name: str
    row: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    events: RunEvents = field(default_factory=RunEvents)
    notes: tuple[str, ...] = ()


def first_record(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns when the gradients in the rows of runs were measured, for a heading.

    Args:
        rows: The values of each run; "first_step" is the step of its first record, and
            is missing for runs of the XOR laboratory, which begin at step 0.

    Returns:
        "at step 0", or "at first record" if a run's first record is of a later step.
    """
    is_start = all(row.get("first_step", 0) == 0 for row in rows)
    return "at step 0" if is_start else "at first record"
