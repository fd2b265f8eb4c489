"""The console, and the table of runs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deepxor.statistics import wilson_interval
from deepxor.text import decades_lost
from deepxor.verdicts import verdict_style


def make_console() -> Console:
    """Returns a console, which is 120 letters wide if there is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def runs_table(rows: Sequence[tuple[str, Mapping[str, Any], str]]) -> Table:
    """Returns a table with a row for each run.

    Args:
        rows: For each run its name; its results as in experiment.json, with "replicas"
            beside them, any of which may be missing; and a remark, which stands beside
            the verdict.
    """
    # Names are not trusted, so they are passed as Text and not as markup.
    table = Table(title="gradients are those of step 0, the median over the replicas")
    table.title_style = "dim"
    table.add_column("run", overflow="fold")
    for heading in ("cost", "accuracy", "solved [95 %]"):
        table.add_column(heading, justify="right")
    for heading in ("first\nlayer", "last\nlayer", "decades\nlost"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    table.add_column("time", justify="right")
    for name, results, remark in rows:
        verdict = results.get("verdict")
        table.add_row(
            Text(name),
            _number(results.get("cost"), "{:.4g}"),
            _number(results.get("accuracy"), "{:.2f}"),
            _solved(results.get("solved"), results.get("replicas")),
            _number(results.get("first_gradient"), "{:.1e}"),
            _number(results.get("last_gradient"), "{:.1e}"),
            decades_lost(results.get("first_gradient"), results.get("last_gradient")),
            _verdict(verdict, remark),
            _number(results.get("seconds"), "{:.1f} s"),
        )
    return table


def _verdict(name: str | None, remark: str) -> Text:
    text = Text(name or "", verdict_style(name))
    parts = [text, Text(f"({remark})")] if remark else [text]
    return Text(" ").join(part for part in parts if part)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _solved(solved: int | None, replicas: int | None) -> str:
    if solved is None or not replicas:
        return "-"
    low, high = wilson_interval(solved, replicas)
    return f"{solved} of {replicas}  {low:.2f}-{high:.2f}"
