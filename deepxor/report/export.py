"""Writes the rows of a comparison of runs as CSV and JSON, for other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from deepxor.report.run import ReportRun
from deepxor.report.significance import Comparison
from deepxor.text import table_csv

# The columns of a row in their order; a value that is not known is None. `diverged` and
# `dead` are numbers of replicas. Gradients are norms at the first record, and `decades`
# is log10 of the last layer's norm over the first layer's.
COLUMNS = (
    "run", "status", "steps", "replicas", "solved", "solved_low", "solved_high",
    "diverged", "dead", "cost", "accuracy", "first_layer", "first_gradient",
    "last_layer", "last_gradient", "decades", "verdict", "layer", "evidence", "advice",
    "causes", "seconds",
)  # fmt: skip


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the rows as CSV with a heading.

    Args:
        rows: For each run the values by column, one of `COLUMNS`; None becomes an empty
            cell. A text that a spreadsheet would run gets an apostrophe in front.
    """
    cells = ([_finite(row.get(column)) for column in COLUMNS] for row in rows)
    return table_csv(COLUMNS, cells)


def json_text(
    runs: Sequence[ReportRun],
    comparisons: Sequence[Comparison],
    skipped: Sequence[str],
) -> str:
    """Returns the rows, settings, notes and comparisons of runs as JSON.

    Args:
        runs: The runs; a number that is not finite becomes null.
        comparisons: The comparisons of solved rates.
        skipped: A line for each folder that could not be read.
    """
    data = {
        "runs": [
            {column: _finite(run.row.get(column)) for column in COLUMNS}
            | {"settings": dict(run.settings), "notes": list(run.notes)}
            for run in runs
        ],
        "comparisons": [
            {
                "first": comparison.first,
                "second": comparison.second,
                "first_solved": list(comparison.first_counts),
                "second_solved": list(comparison.second_counts),
                "p": comparison.p,
                "significant": comparison.is_significant,
            }
            for comparison in comparisons
        ],
        "skipped": list(skipped),
    }
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
