"""The runs of a logdir side by side, as a table on the console and as files."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from deepxor.checks import refuse
from deepxor.console.tables import make_console, print_runs
from deepxor.report.export import csv_text, json_text
from deepxor.report.logdir import read_logdir, solved_comparisons


@dataclass(frozen=True)
class ReportFiles:
    """Names the files that a comparison is written to; an empty name is no file.

    Attributes:
        html: The path of the report with pictures.
        csv: The path of the table, comma-separated.
        json: The path of the table, settings and comparisons, as JSON.
    """

    html: str = ""
    csv: str = ""
    json: str = ""


def check_pattern(flag: str, pattern: str) -> None:
    """Checks that a text is a regular expression.

    Args:
        flag: The flag's name, for the message.
        pattern: The text.

    Raises:
        ValueError: If it is not a regular expression.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"`{flag}` must be a regular expression. "
            f"Received: {flag}={pattern!r} ({error})"
        ) from None


def check_file(flag: str, path: str) -> None:
    """Checks that a file can be written to a path.

    Args:
        flag: The flag's name, for the message.
        path: The path of the file; empty for no file.

    Raises:
        ValueError: If the path is a folder, or its folder does not exist.
    """
    if path and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        refuse(flag, path, "a file in a folder that exists, or empty")


def compare_on_console(
    logdir: str, pattern: str, baseline: str, files: ReportFiles
) -> int:
    """Prints the table of a logdir's runs and writes the files.

    Args:
        logdir: The folder of the runs.
        pattern: A regular expression; only runs in whose name it is found are shown.
        baseline: The run whose solved rate the others are compared with, as
            `solved_comparisons` takes it.
        files: The files to write.

    Returns:
        The exit status: 0, or 1 if there is no run.

    Raises:
        RunError: If the logdir cannot be read, or no run is the baseline.
        OSError: If a file cannot be written.
    """
    runs, skipped = read_logdir(logdir, pattern, with_events=bool(files.html))
    comparisons = solved_comparisons(runs, baseline) if runs else []
    console = make_console()
    if runs:
        print_runs(console, [(run.name, run.row, run.remark) for run in runs])
    else:
        matching = f" that matches runs={pattern!r}" if pattern else ""
        print(
            f"deepxor.compare: no run in logdir={logdir!r}{matching}", file=sys.stderr
        )
    for line in (*comparisons, *(f"skipped {line}" for line in skipped)):
        console.print(Text(str(line)))
    if not runs:
        return 1
    rows = [run.row for run in runs]
    if files.csv:
        _write(files.csv, csv_text(rows))
    if files.json:
        settings = [run.settings for run in runs]
        _write(files.json, json_text(rows, settings, comparisons, skipped))
    if files.html:
        # This is not imported at the top, as matplotlib and Jinja2 take a second.
        from deepxor.report.page import report_html

        title = Path(logdir).resolve().name
        _write(files.html, report_html(title, runs, comparisons, skipped))
        console.print(Text(f"Report: {files.html}"))
    return 0


def _write(path: str, text: str) -> None:
    # The file is written in place and not renamed into it, as the path may be a pipe.
    Path(path).write_text(text, encoding="utf-8")
