"""The gradient's way back through a network, as a table on the console."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deepxor.backprop.profile import BackwardProfile
from deepxor.text import decades_text

FACTOR = "{:#.3g}"


def profile_table(profile: BackwardProfile) -> Table:
    """Returns a table with a row for each layer, the last layer first.

    The norm in a row times its two factors is the norm in the next row.

    Args:
        profile: The norms and factors to show.
    """
    many = profile.replicas > 1
    table = Table(title=_profile_title(profile))
    table.title_style = "dim"
    table.add_column("layer", overflow="fold")
    for heading in ("gradient norm", "decades lost", "slope factor", "weight factor"):
        table.add_column(heading, justify="right")
    if profile.predicted is not None:
        table.add_column("predicted", justify="right")
    has_remarks = bool(profile.zeros.any() or profile.not_finite.any())
    if has_remarks:
        table.add_column("")
    for i, layer in enumerate((*profile.layers, "(input)")):
        norm = _factor(profile.norms[1, 2 * i], "{:.1e}")
        cells = [norm, decades_text(profile.decades[1, 2 * i])]
        cells += _factors(profile, i) if i < len(profile.layers) else []
        if has_remarks:
            cells += [""] * (len(table.columns) - 2 - len(cells))
            cells.append(_remark(profile.zeros[i], profile.not_finite[i], many))
        table.add_row(Text(layer), *cells)
    return table


def _profile_title(profile: BackwardProfile) -> Text:
    title = (
        f"{profile.title}: norm x slope factor x weight factor = the next row's norm"
    )
    if profile.replicas > 1:
        title += f"\nmedian, p10 to p90 of {profile.replicas} replicas"
    return Text(title)


def _factors(profile: BackwardProfile, layer: int) -> list[str]:
    many = profile.replicas > 1
    factors = (profile.slope_factor[:, layer], profile.weight_factor[:, layer])
    cells = [_percentiles(values, many) for values in factors]
    if profile.predicted is not None:
        slope, weight = (
            _factor(value, FACTOR) for value in profile.predicted[:, layer]
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
    """Returns a table as text without colours, in lines of at most 120 letters.

    Args:
        table: The table.
    """
    console = Console(width=120, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())
