"""The style of every chart of the report, and its output as SVG."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from deepxor.palette import (
    GRID,
    INK,
    MUTED,
)

# The largest number of letters of a name in a picture; the tables show whole names.
LONGEST_NAME = 28


# The largest number of names that fit beside or under a chart.
MAX_LAYER_LABELS = 14

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "deepxor",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.edgecolor": "#aab4be",
    "axes.labelcolor": MUTED,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "lines.linewidth": 1.6,
    "hatch.linewidth": 0.6,
    "axes.unicode_minus": False,
}


def short(name: str) -> str:
    """Returns a name, shortened in the middle if it is too long for a picture.

    Args:
        name: The name.
    """
    half = LONGEST_NAME // 2 - 1
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def as_svg(draw: Callable[[], Figure]) -> str:
    """Returns a figure as SVG, the same text for equal figures.

    Args:
        draw: A function that draws the figure, which is called with the report's style.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Matplotlib warns of letters that its font lacks, but the browser's may have.
        warnings.simplefilter("ignore", UserWarning)
        nothing = {key: None for key in ("Creator", "Date", "Format", "Type")}
        draw().savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
