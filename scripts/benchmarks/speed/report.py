"""The report of a measurement: a table with a title and a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Report:
    """A table to print.

    Attributes:
        title: The line above the table.
        headings: The headings of the columns.
        rows: The rows, each with as many texts as there are headings.
        note: The text below the table.
    """

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str


def print_report(report: Report, is_markdown: bool) -> None:
    """Prints a report.

    Args:
        report: The report.
        is_markdown: Whether it is printed as Markdown, and not for the console.
    """
    if is_markdown:
        lines = [f"**{report.title}**", "", _markdown_row(report.headings)]
        lines.append("|---" + "|---:" * (len(report.headings) - 1) + "|")
        lines += [_markdown_row(row) for row in report.rows]
        print("\n".join([*lines, "", report.note, ""]), flush=True)
        return
    # This import takes long, and new processes, whose start is timed, do not need it.
    from deepxor.console.tables import make_console

    table = Table(title=report.title, caption=report.note)
    for number, heading in enumerate(report.headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in report.rows:
        table.add_row(*row)
    make_console().print(table)


def number_text(value: float) -> str:
    """Returns a number as a text of about three digits."""
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f}"


def _markdown_row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
