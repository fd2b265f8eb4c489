"""Names and numbers as texts; names from files are hostile."""

from __future__ import annotations

import math

import numpy as np

# A spreadsheet takes a cell that begins so for a formula and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str) -> str:
    """Returns a text with an apostrophe in front if a spreadsheet would run it.

    Args:
        text: Whatever somebody named a run or a layer.
    """
    return "'" + text if text.startswith(_FORMULA) else text


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


def decades_text(decades: float, digits: int = 2) -> str:
    """Returns how many powers of ten are lost.

    Args:
        decades: log10 of what is left; minus infinity where nothing is.
        digits: After the point.

    Returns:
        A number, negative if there is more; "all" for an exact zero; "-" for NaN.
    """
    if np.isnan(decades):
        return "-"
    # An exact zero lies below every decade; "-0.0" would be a riddle.
    return "all" if np.isinf(decades) else f"{round(-decades, digits) + 0.0:.{digits}f}"


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
    return decades_text(math.log10(first / last) if first else -math.inf, 1)
