"""Prints the runs of a logdir side by side, and writes them as a report.

For example: python -m deepxor.compare logdir --html=report.html
"""

from __future__ import annotations

from deepxor.console import process

if __name__ == "__main__":  # before what takes time
    process.begin()

from collections.abc import Sequence

from absl import flags

from deepxor.checks import check_local_folder
from deepxor.console import app
from deepxor.console.compare import ReportFiles, compare_on_console
from deepxor.console.files import check_files

LOGDIR = flags.DEFINE_string(
    "logdir", "logdir", "The folder of the runs; may be given without --logdir=, too."
)
RUNS = flags.DEFINE_string(
    "runs", "", "A regular expression: only runs in whose name it is found."
)
BASELINE = flags.DEFINE_string(
    "baseline",
    "",
    "The run whose solved rate the others are compared with: its name, or a regular "
    "expression that is found in it; without it the first run with sigmoid, or else "
    "the first run.",
)
HTML = flags.DEFINE_string("html", "", "Write a report with pictures to this file.")
CSV = flags.DEFINE_string("csv", "", "Write the table to this file, comma-separated.")
JSON = flags.DEFINE_string("json", "", "Write the table to this file as JSON.")


def main(argv: Sequence[str]) -> int:
    """Prints the table of the runs and writes the files that the flags ask for.

    Args:
        argv: The program's name and, if it is given without a flag, the logdir.

    Returns:
        The exit status.

    Raises:
        ValueError: If an argument or a flag is wrong.
    """
    if len(argv) > 2:
        received = ", ".join(map(repr, argv[1:]))
        raise ValueError(f"`logdir` must be a single folder. Received: {received}")
    logdir = argv[1] if len(argv) == 2 else LOGDIR.value
    check_local_folder("logdir", logdir)
    for flag in (RUNS, BASELINE):
        app.check_pattern(flag.name, flag.value)
    check_files({flag.name: flag.value for flag in (HTML, CSV, JSON)})
    files = ReportFiles(HTML.value, CSV.value, JSON.value)
    return compare_on_console(logdir, RUNS.value, BASELINE.value, files)


if __name__ == "__main__":
    app.run(main)
