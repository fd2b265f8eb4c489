"""What all pictures share: colours, dashes, sizes, powers of ten; no imports."""

from __future__ import annotations

# Okabe & Ito's, which colour-blind people can tell apart.
BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#009e73"

# Of the runs side by side; the last two are none of theirs, but can be told from them
# on white as on black.
RUN_COLOURS = (
    BLUE, VERMILION, GREEN, "#cc79a7", "#56b4e9", "#e69f00", "#8c8c8c", "#b8a800",
)  # fmt: skip

# Lengths of dash and gap, for the runs after the first eight, the first sixteen ...
RUN_DASHES: tuple[tuple[int, ...], ...] = ((), (6, 3), (2, 3), (8, 3, 2, 3))

# Gradient norms by colour, and those that have none: see `report.heat_map`.
NORM_COLOURS = "viridis"
NOT_FINITE = VERMILION
NOT_RECORDED = "#c4c9cf"
ZERO_FACE, ZERO_EDGE, ZERO_HATCH = "#f4f5f6", "#9aa5b0", "////"

# Of figures for slides: dots an inch, and as many names as fit beside or below a panel.
DPI = 100
MAX_LABELS = 20

INK = "#1d2733"
MUTED = "#5b6876"
GRID = "#e6eaee"

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def run_colour(index: int) -> str:
    """Returns the colour of a run.

    Args:
        index: Its place among the runs.
    """
    return RUN_COLOURS[index % len(RUN_COLOURS)]


def run_dashes(index: int) -> tuple[int, ...]:
    """Returns the lengths of dash and gap of a run's line; none for a solid one.

    Args:
        index: Its place among the runs.
    """
    return RUN_DASHES[index // len(RUN_COLOURS) % len(RUN_DASHES)]


def power_of_ten(decades: float, position: int = 0) -> str:
    """Returns a power of ten as an axis shows it, such as 10⁻³.

    Matplotlib's own parser of exponents would take a quarter of the time of a report.

    Args:
        decades: The exponent; rounded.
        position: Of the tick; matplotlib gives it, and nothing depends on it.
    """
    exponent = f"{decades:.0f}"
    return "1" if exponent in ("0", "-0") else "10" + exponent.translate(_SUPERSCRIPTS)
