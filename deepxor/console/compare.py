"""The runs of a logdir side by side, as a table on the console and as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from deepxor.console.files import write_files
from deepxor.console.process import complain
from deepxor.console.tables import make_console, print_runs
from deepxor.report.export import csv_text, json_text
from deepxor.report.logdir import read_logdir, solved_comparisons
from deepxor.report.run import ReportRun
from deepxor.report.significance import Comparison


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
    if runs:
        # Before anything is printed, as nobody might read it any more.
        write_files(_rendered(logdir, files, runs, comparisons, skipped))
    console = make_console()
    if runs:
        print_runs(console, [(run.name, run.row, run.remark) for run in runs])
    else:
        matching = f" that matches runs={pattern!r}" if pattern else ""
        complain(f"no run in logdir={logdir!r}{matching}")
    notes = (f"{run.name!r}: {note}" for run in runs for note in run.notes)
    for line in (*comparisons, *notes, *(f"skipped {line}" for line in skipped)):
        console.print(Text(str(line)))
    if runs and files.html:
        console.print(Text(f"Report: {files.html}"))
    return int(not runs)


def _rendered(
    logdir: str,
    files: ReportFiles,
    runs: Sequence[ReportRun],
    comparisons: Sequence[Comparison],
    skipped: Sequence[str],
) -> dict[str, bytes]:
    """Returns the contents of the files by their paths."""
    rows = [run.row for run in runs]
    texts = {}
    if files.csv:
        texts[files.csv] = csv_text(rows)
    if files.json:
        texts[files.json] = json_text(runs, comparisons, skipped)
    if files.html:
        # This is not imported at the top, as matplotlib and Jinja2 take a second.
        from deepxor.report.page import report_html

        title = Path(logdir).resolve().name
        texts[files.html] = report_html(title, runs, comparisons, skipped)
    # What no text can hold, as half a surrogate, is replaced.
    return {path: text.encode(errors="replace") for path, text in texts.items()}
