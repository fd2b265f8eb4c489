"""The gradient's way back through a network, as a table on the console."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deepxor.backprop.profile import Descent
from deepxor.text import decades_text

FACTOR = "{:#.3g}"


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
        cells = [norm, decades_text(descent.decades[1, 2 * i])]
        cells += _factors(descent, i) if i < len(descent.layers) else []
        if has_remarks:
            cells += [""] * (len(table.columns) - 2 - len(cells))
            cells.append(_remark(descent.zeros[i], descent.not_finite[i], many))
        table.add_row(Text(layer), *cells)
    return table


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


def _remark(zeros: int, not_finite: int, many: bool) -> str:
    counts = {"exactly 0": zeros, "not finite": not_finite}
    return ", ".join(
        f"{what} in {count}" if many else what
        for what, count in counts.items()
        if count
    )


def plain_text(table: Table) -> str:
    """Returns a table as lines of text without colours."""
    console = Console(width=120, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())
