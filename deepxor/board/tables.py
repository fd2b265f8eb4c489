"""The table of runs on the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

COLOURS = {
    "healthy": "green",
    "vanishing": "red",
    "exploding": "red",
    "dead": "yellow",
}


def make_console() -> Console:
    """Returns a console that does not squeeze tables where there is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a rate (Wilson 1927).

    Args:
        successes: From 0 to `trials`.
        trials: At least 1.

    Returns:
        The lower and the upper end.
    """
    from scipy.stats import binomtest  # half a second that --quiet need not spend

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def runs_table(rows: Sequence[tuple[str, Mapping[str, Any], str]]) -> Table:
    """Returns a table with a row a run.

    Args:
        rows: The run's name; its results as in experiment.json, with "replicas" beside
            them, any of them missing; and a remark that replaces a missing verdict.
    """
    # Names are hostile text: Text, not markup.
    table = Table(title="gradients are those of step 0, the median over the replicas")
    table.title_style = "dim"
    table.add_column("run", overflow="fold")
    for heading in ("cost", "accuracy", "solved [95 %]", "first layer", "last layer"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    table.add_column("time", justify="right")
    for name, results, remark in rows:
        verdict = results.get("verdict")
        table.add_row(
            Text(name),
            _number(results.get("cost"), "{:.4g}"),
            _number(results.get("accuracy"), "{:.2f}"),
            _solved(results.get("solved"), results["replicas"]),
            _number(results.get("first_gradient"), "{:.1e}"),
            _number(results.get("last_gradient"), "{:.1e}"),
            Text(
                " ".join(filter(None, (verdict, remark and f"({remark})"))),
                COLOURS.get(verdict or "", ""),
            ),
            _number(results.get("seconds"), "{:.1f} s"),
        )
    return table


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _solved(solved: int | None, replicas: int) -> str:
    if solved is None:
        return "-"
    low, high = wilson_interval(solved, replicas)
    return f"{solved} of {replicas}  {low:.2f}-{high:.2f}"
