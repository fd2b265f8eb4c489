"""Prints the runs of a logdir side by side, and writes them as a report.

For example: python -m deepxor.compare logdir --html=report.html
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from rich.text import Text

from deepxor.console import app
from deepxor.console.tables import make_console, runs_table
from deepxor.report.export import csv_text, json_text
from deepxor.report.logdir import read_logdir, solved_comparisons

LOGDIR = flags.DEFINE_string(
    "logdir", "logdir", "The folder of the runs; may be given without --logdir=, too."
)
RUNS = flags.DEFINE_string(
    "runs", "", "A regular expression: only runs in whose name it is found."
)
HTML = flags.DEFINE_string("html", "", "Write a report with pictures to this file.")
CSV = flags.DEFINE_string("csv", "", "Write the table to this file, comma-separated.")
JSON = flags.DEFINE_string("json", "", "Write the table to this file as JSON.")


def check_pattern(pattern: str) -> None:
    """Raises ValueError unless `pattern` is a regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"runs={pattern!r}: allowed is a regular expression ({error})"
        ) from None


def check_file(flag: str, path: str) -> None:
    """Checks that a file can be written to a path.

    Args:
        flag: The flag's name, for the message.
        path: Of the file; empty for none.

    Raises:
        ValueError: If it is a folder, or in a folder that is not there.
    """
    if path and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        raise ValueError(
            f"{flag}={path!r}: allowed is a file in a folder that is there, or nothing"
        )


def main(argv: Sequence[str]) -> int:
    """Prints the table and writes files; returns 0, or 1 where there is no run."""
    if len(argv) > 2:
        raise ValueError(f"argument {argv[2]!r}: allowed is one logdir")
    logdir = argv[1] if len(argv) == 2 else LOGDIR.value
    check_pattern(RUNS.value)
    for flag in (HTML, CSV, JSON):
        check_file(flag.name, flag.value)
    runs, skipped = read_logdir(logdir, RUNS.value, with_events=bool(HTML.value))
    comparisons = solved_comparisons(runs)
    console = make_console()
    if runs:
        console.print(runs_table([(run.name, run.row, run.remark) for run in runs]))
    else:
        matching = f" that matches runs={RUNS.value!r}" if RUNS.value else ""
        print(
            f"deepxor.compare: no run in logdir={logdir!r}{matching}", file=sys.stderr
        )
    for line in (*comparisons, *(f"skipped {line}" for line in skipped)):
        console.print(Text(str(line)))
    if not runs:
        return 1
    rows = [run.row for run in runs]
    if CSV.value:
        _write(CSV.value, csv_text(rows))
    if JSON.value:
        settings = [run.settings for run in runs]
        _write(JSON.value, json_text(rows, settings, comparisons, skipped))
    if HTML.value:
        # Not imported above: matplotlib and Jinja2 take a second.
        from deepxor.report.page import report_html

        title = Path(logdir).resolve().name
        _write(HTML.value, report_html(title, runs, comparisons, skipped))
        console.print(Text(f"Report: {HTML.value}"))
    return 0


def _write(path: str, text: str) -> None:
    # Not by way of a second file: the path may be a pipe.
    Path(path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    app.run(main)
