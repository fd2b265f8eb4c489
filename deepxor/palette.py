"""What all pictures share: colours, dashes, sizes and powers of ten; no imports."""

from __future__ import annotations

# The colours of Okabe & Ito, which colour-blind people can tell apart.
BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#009e73"

# The colours of the runs. Each has a contrast of at least 3 to 1 with white paper and
# with the light and the dark theme of the tab, so all are about as bright and differ in
# hue and saturation. `tests/test_palette.py` computes it.
RUN_COLOURS = (
    "#1276be", "#d45e0b", "#188c50", "#8b7305", "#f62460", "#7e7187",
    "#c504de", "#635ef4", "#249aa7", "#997ddd", "#f51fc6", "#cf6b96",
)  # fmt: skip

# The lengths of dash and gap in points, and the filled markers by matplotlib's letters.
# Runs take them in turn. Their numbers have no common divisor, so the first twenty runs
# all differ in the pair, whatever colours the eye can tell apart.
RUN_DASHES: tuple[tuple[int, ...], ...] = ((), (6, 3), (2, 3), (8, 3, 2, 3))
RUN_MARKERS = ("o", "s", "^", "D", "v")

# The scale of colours of gradient norms, and the looks of norms that have no place on
# it, which `report.heat_map` draws.
NORM_COLOURS = "viridis"
NOT_FINITE = VERMILION
NOT_RECORDED = "#c4c9cf"
ZERO_FACE, ZERO_EDGE, ZERO_HATCH = "#f4f5f6", "#9aa5b0", "////"

# For figures on slides: the dots an inch, and the largest number of names that fit
# beside or below a panel.
DPI = 100
MAX_LABELS = 20

# The two factors of the gradient's way back through a layer.
SLOPE, WEIGHT = VERMILION, BLUE

INK = "#1d2733"
MUTED = "#5b6876"
GRID = "#e6eaee"

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def run_colour(index: int) -> str:
    """Returns the colour of a run.

    Args:
        index: The place of the run among all runs, from 0.
    """
    return RUN_COLOURS[index % len(RUN_COLOURS)]


def run_dashes(index: int) -> tuple[int, ...]:
    """Returns the dashes of a run's line.

    Args:
        index: The place of the run among all runs, from 0.

    Returns:
        The lengths of dash and gap in turn, in points; empty for a solid line.
    """
    return RUN_DASHES[index % len(RUN_DASHES)]


def run_marker(index: int) -> str:
    """Returns the marker of a run, as matplotlib names it.

    Args:
        index: The place of the run among all runs, from 0.
    """
    return RUN_MARKERS[index % len(RUN_MARKERS)]


def power_of_ten(decades: float, position: int = 0) -> str:
    """Returns a power of ten as an axis shows it.

    Matplotlib's own parser of exponents would take a quarter of the time of a report.

    Args:
        decades: The exponent, which is rounded to an integer.
        position: The position of the tick, which matplotlib passes; it has no effect.

    Example:
        >>> power_of_ten(-3.0)
        '10⁻³'
        >>> power_of_ten(0.0)
        '1'
    """
    exponent = f"{decades:.0f}"
    return "1" if exponent in ("0", "-0") else "10" + exponent.translate(_SUPERSCRIPTS)
