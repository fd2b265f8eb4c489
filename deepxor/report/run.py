"""One run as the report shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepxor.events.reader import RunEvents


@dataclass(frozen=True, eq=False)
class ReportRun:
    """What a table, a file or a report says of one run.

    Attributes:
        name: Printable, otherwise hostile.
        row: Column, of `export.COLUMNS`, -> value; missing or None where it is not
            known.
        settings: Name -> value; empty where they are not known.
        remark: Stands beside the verdict, such as "killed at step 300".
        events: What was recorded; empty where it was not read.
    """

    name: str
    row: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    events: RunEvents = field(default_factory=RunEvents)
