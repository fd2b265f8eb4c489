"""The console, and the table of runs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deepxor.console.fitting import print_table
from deepxor.report.run import first_record
from deepxor.statistics import wilson_interval
from deepxor.text import LONGEST_NAME, decades_lost, number_text, printable
from deepxor.verdicts import verdict_style

# The columns that a narrow terminal leaves out, by what their headings begin with.
LEAST_IMPORTANT = (
    "first layer", "last layer", "time", "accuracy", "cost", "decades lost", "diverged",
)  # fmt: skip


def make_console() -> Console:
    """Returns a console, which is 120 letters wide if there is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def print_runs(
    console: Console,
    rows: Sequence[tuple[str, Mapping[str, Any], str]],
    elsewhere: str = "see --csv",
) -> None:
    """Prints a table with a row for each run, as far as the console is wide enough.

    Args:
        console: The console.
        rows: The rows, as `runs_table` takes them.
        elsewhere: What shows the columns for which it is not.
    """
    print_table(console, runs_table(rows), LEAST_IMPORTANT, elsewhere)


def runs_table(rows: Sequence[tuple[str, Mapping[str, Any], str]]) -> Table:
    """Returns a table with a row for each run.

    Args:
        rows: For each run its name; its results as in experiment.json, with "replicas"
            beside them, any of which may be missing; and a remark, which stands beside
            the verdict.
    """
    # Names are not trusted, so they are passed as Text and not as markup.
    table = Table(title="gradients are the median over the replicas")
    table.title_style = "dim"
    start = first_record(results for _, results, _ in rows)
    has_failures = any(_failures(results).strip("-0/ ") for _, results, _ in rows)
    table.add_column("run")
    for heading in ("cost", "accuracy"):
        table.add_column(heading, justify="right")
    table.add_column(Text("solved [95 %]"), justify="right", min_width=13)
    if has_failures:
        table.add_column("diverged\n/ dead", justify="right")
    for heading in ("first layer", "last layer", "decades lost"):
        table.add_column(f"{heading}\n{start}".replace(" ", "\n", 1), justify="right")
    table.add_column("verdict\nat the end", min_width=len("not_learning"))
    table.add_column("time", justify="right")
    for name, results, remark in rows:
        gradients = [results.get(f"{end}_gradient") for end in ("first", "last")]
        cells = [
            number_text(results.get("cost"), ".4g"),
            number_text(results.get("accuracy"), ".2f"),
            _solved(results.get("solved"), results.get("replicas")),
            *([_failures(results)] if has_failures else []),
            *(number_text(gradient, ".1e") for gradient in gradients),
            decades_lost(*gradients),
        ]
        seconds = number_text(results.get("seconds"), ".1f")
        seconds += "" if seconds == "-" else " s"
        verdict = _verdict(results.get("verdict"), remark)
        table.add_row(Text(printable(name)), *cells, verdict, seconds)
    return table


def _failures(results: Mapping[str, Any]) -> str:
    """Returns the replicas that diverged and those that are dead, as in "9 / 1"."""
    counts = [results.get(name) for name in ("diverged", "dead")]
    return " / ".join("-" if count is None else str(count) for count in counts)


def _verdict(name: str | None, remark: str) -> Text:
    text = Text(printable(name or "", LONGEST_NAME), verdict_style(name))
    parts = [text, Text(f"({printable(remark)})")] if remark else [text]
    return Text(" ").join(part for part in parts if part)


def _solved(solved: int | None, replicas: int | None) -> str:
    if solved is None or not replicas:
        return "-"
    low, high = wilson_interval(solved, replicas)
    return f"{solved} of {replicas}  {low:.2f}-{high:.2f}"
