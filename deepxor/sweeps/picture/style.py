"""The style of a sweep's map: sizes for slides, colours of what lies over the cells."""

from __future__ import annotations

from typing import Any

from matplotlib.patheffects import AbstractPathEffect, withStroke

from deepxor.palette import INK
from deepxor.report.style import STYLE, short
from deepxor.sweeps.cells import SOLVED, Cells
from deepxor.text import printable

# From light to dark, and with rising blue for eyes that confuse red and green. Cells
# that are hatched most, those that did not learn, are the light ones.
SCORE_COLOURS = "YlGnBu"

PAPER = "#ffffff"

# The colour of frames and ticks, which shows on white and on black paper.
EDGE = "#7d8994"

# The width of a figure is 1000 pixels at the palette's dots an inch.
INCHES = (10.0, 7.4)

MAP_STYLE: Any = {
    **STYLE,
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.labelsize": 14,
    "axes.labelcolor": INK,
    "axes.grid": False,
    "axes.spines.top": True,
    "axes.spines.right": True,
    "axes.edgecolor": EDGE,
    "xtick.color": EDGE,
    "ytick.color": EDGE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "hatch.linewidth": 1.1,
    "legend.fontsize": 12,
    "legend.frameon": False,
}


# The theory's symbols of settings.
_SYMBOLS = {
    "weight_variance": " \N{GREEK SMALL LETTER SIGMA}_w²",
    "bias_variance": " \N{GREEK SMALL LETTER SIGMA}_b²",
}


def halo(width: float = 4.5) -> list[AbstractPathEffect]:
    """Returns the white rim that lets a line show on light and on dark cells.

    Args:
        width: The width of the line with its rim, in points.
    """
    # The rim of a dashed line is solid, as its own dashes would hide those of the line.
    solid = {"dash_offset": 0, "dash_list": None}
    return [withStroke(linewidth=width, foreground=PAPER, dashes=solid)]


def literal(text: object) -> str:
    """Returns a text that a picture shows as it is, whatever is in it.

    Args:
        text: A name or a value, which need not be trusted.

    Returns:
        The text, with dollar signs that do not begin a formula.
    """
    return printable(str(text)).replace("$", r"\$")


def plain(name: object) -> str:
    """Returns a name as a picture shows it, shortened.

    Args:
        name: A name or a value, which need not be trusted.
    """
    return literal(short(str(name)))


def setting_label(name: str) -> str:
    """Returns the name of a setting as an axis shows it.

    Args:
        name: The name.
    """
    return plain(name.replace("_", " ")) + _SYMBOLS.get(name, "")


def score_label(cells: Cells) -> str:
    """Returns what the score of a cell is, as a scale of colours shows it.

    Args:
        cells: The cells.
    """
    return "share of networks trained" if cells.score == SOLVED else "accuracy"
