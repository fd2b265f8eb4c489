"""Names and numbers as texts; names that come from files are not trusted."""

from __future__ import annotations

import math
import re

import numpy as np

# A spreadsheet takes a cell that begins with one of these for a formula and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str) -> str:
    """Returns a text with an apostrophe in front if a spreadsheet would run it.

    Args:
        text: Any text, such as the name of a run or a layer.

    Example:
        >>> text_cell("=1+2"), text_cell("relu")
        ("'=1+2", 'relu')
    """
    return "'" + text if text.startswith(_FORMULA) else text


def printable(text: str) -> str:
    r"""Returns a text without characters that would harm a terminal or a file.

    Args:
        text: Any text, such as the name of a folder.

    Returns:
        The text, in which U+FFFD replaces every character that cannot be printed,
        line breaks included.

    Example:
        >>> printable("two\nlines")
        'two�lines'
    """
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )


def decades_text(decades: float, digits: int = 2) -> str:
    """Returns the number of powers of ten that are lost, as a text.

    Args:
        decades: log10 of the share that is left; minus infinity if nothing is left.
        digits: The number of digits after the point.

    Returns:
        A number, which is negative for a gain; "all" for minus infinity; "-" for NaN.

    Example:
        >>> decades_text(-3.5), decades_text(float("-inf")), decades_text(float("nan"))
        ('3.50', 'all', '-')
    """
    if np.isnan(decades):
        return "-"
    # An exact zero lies below every decade. Adding 0.0 turns "-0.0" into "0.0".
    return "all" if np.isinf(decades) else f"{round(-decades, digits) + 0.0:.{digits}f}"


def decades_lost(first: float | None, last: float | None) -> str:
    """Returns the powers of ten that a gradient loses on its way to the first layer.

    Args:
        first: The norm at the first layer; None if it is not known.
        last: The norm at the last layer, where backpropagation begins; None if it is
            not known.

    Returns:
        A number, which is negative if the gradient grows; "all" if the norm at the
        first layer is exactly zero; "-" if it cannot be told.

    Example:
        >>> decades_lost(1e-6, 1e-2), decades_lost(0.0, 1e-2), decades_lost(None, 1e-2)
        ('4.0', 'all', '-')
    """
    if first is None or last is None or not last > 0 or first < 0:
        return "-"
    return decades_text(math.log10(first / last) if first else -math.inf, 1)


def snake_case(name: str) -> str:
    """Returns the name of a class as Keras writes it in lower case.

    Args:
        name: The name, such as that of a layer.

    Example:
        >>> snake_case("LeakyReLU"), snake_case("MeanSquaredError")
        ('leaky_relu', 'mean_squared_error')
    """
    name = name.replace("ReLU", "Relu")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()
