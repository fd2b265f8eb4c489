"""Tables on the console: runs, and the gradient's way back through a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deepxor import verdicts
from deepxor.backprop.profile import Descent

FACTOR = "{:#.3g}"


def make_console() -> Console:
    """Returns a console that does not squeeze tables where there is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def verdict_style(name: str | None) -> str:
    """Returns the style of a verdict on the console.

    Args:
        name: Hostile, such as from a file; one that is no verdict's has no style.
    """
    verdict = verdicts.by_name().get(name or "")
    return f"white on {verdict.colour}" if verdict else ""


def printable(text: str) -> str:
    """Returns a text without characters that no terminal, XML or UTF-8 should meet.

    Args:
        text: Hostile, such as the name of a folder.

    Returns:
        The text; what cannot be printed, line breaks too, replaced by U+FFFD.
    """
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )


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


def descent_table(descent: Descent) -> Table:
    """Returns a table with a row a layer, the last layer first.

    The norm in a row times its two factors is the norm in the next one.

    Args:
        descent: What was measured.
    """
    many = descent.replicas > 1
    table = Table(title=_descent_title(descent))
    table.title_style = "dim"
    table.add_column("layer", overflow="fold")
    for heading in ("gradient norm", "decades lost", "slope factor", "weight factor"):
        table.add_column(heading, justify="right")
    if descent.predicted is not None:
        table.add_column("predicted", justify="right")
    has_remarks = bool(descent.zeros.any() or descent.not_finite.any())
    if has_remarks:
        table.add_column("")
    for i, layer in enumerate((*descent.layers, "(input)")):
        norm = _factor(descent.norms[1, 2 * i], "{:.1e}")
        cells = [norm, _lost(descent.decades[1, 2 * i])]
        cells += _factors(descent, i) if i < len(descent.layers) else []
        if has_remarks:
            cells += [""] * (len(table.columns) - 2 - len(cells))
            cells.append(_remark(descent.zeros[i], descent.not_finite[i], many))
        table.add_row(Text(layer), *cells)
    return table


def plain_text(table: Table) -> str:
    """Returns a table as lines of text without colours."""
    console = Console(width=120, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


def _descent_title(descent: Descent) -> Text:
    title = (
        f"{descent.title}: norm x slope factor x weight factor = the next row's norm"
    )
    if descent.replicas > 1:
        title += f"\nmedian, p10 to p90 of {descent.replicas} replicas"
    return Text(title)


def _factors(descent: Descent, layer: int) -> list[str]:
    many = descent.replicas > 1
    factors = (descent.slope_factor[:, layer], descent.weight_factor[:, layer])
    cells = [_percentiles(values, many) for values in factors]
    if descent.predicted is not None:
        slope, weight = (
            _factor(value, FACTOR) for value in descent.predicted[:, layer]
        )
        cells.append(f"{slope} x {weight}")
    return cells


def _percentiles(values: np.ndarray, many: bool) -> str:
    low, median, high = (_factor(value, FACTOR) for value in values)
    return f"{median}  {low} to {high}" if many and low != high else median


def _factor(value: float, form: str) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:g}" if value in (0, 1) else form.format(value)


def _lost(decades: float, digits: int = 2) -> str:
    if np.isnan(decades):
        return "-"
    # An exact zero lies below every decade; "-0.0" would be a riddle.
    return "all" if np.isinf(decades) else f"{round(-decades, digits) + 0.0:.{digits}f}"


def _remark(zeros: int, not_finite: int, many: bool) -> str:
    counts = {"exactly 0": zeros, "not finite": not_finite}
    return ", ".join(
        f"{what} in {count}" if many else what
        for what, count in counts.items()
        if count
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def decades_lost(first: float | None, last: float | None) -> str:
    """Returns how many powers of ten a gradient loses on its way to the first layer.

    Args:
        first: The norm at the first layer, None if it is not known.
        last: At the last layer, where backpropagation begins.

    Returns:
        A number, negative if it grows; "all" for an exact zero; "-" if unknown.
    """
    if first is None or last is None or not last > 0 or first < 0:
        return "-"
    return _lost(math.log10(first / last) if first else -math.inf, 1)


def _solved(solved: int | None, replicas: int | None) -> str:
    if solved is None or not replicas:
        return "-"
    low, high = wilson_interval(solved, replicas)
    return f"{solved} of {replicas}  {low:.2f}-{high:.2f}"
