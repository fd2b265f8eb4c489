"""Names and numbers as texts; names that come from files are not trusted."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

# The largest number of letters of a text that comes from a file, and of a name.
LONGEST_TEXT, LONGEST_NAME = 2_000, 200

# A spreadsheet takes a cell that begins with one of these, or with its wide form, for a
# formula and runs it. Some spreadsheets pass over what cannot be seen before it.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
# No number that a run has is longer, in any of the forms in use.
_WIDEST_NUMBER = 12

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def table_csv(
    heading: Sequence[str], rows: Iterable[Iterable[Any]], line_end: str = "\n"
) -> str:
    """Returns a table as CSV that no spreadsheet runs or takes for more rows.

    Args:
        heading: The names of the columns.
        rows: The values of each row. A text becomes a `text_cell`, and None and NaN an
            empty cell.
        line_end: What ends a line.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=line_end)
    writer.writerow(map(text_cell, heading))
    writer.writerows(map(_cell, row) for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else value
    if value is None or isinstance(value, (int, np.integer)):
        return value
    return text_cell(str(value))


def text_cell(text: str) -> str:
    r"""Returns a text as one cell of a spreadsheet, which does not run it.

    Args:
        text: Any text, such as the name of a run or a layer.

    Returns:
        The text in one printable line, with an apostrophe in front if a spreadsheet
        would run it.

    Example:
        >>> text_cell("=1+2"), text_cell("relu"), text_cell("two\nlines")
        ("'=1+2", 'relu', 'two lines')
    """
    line = printable(" ".join(text.splitlines()))
    is_formula = line.lstrip(f" {_REPLACEMENT}").startswith(_FORMULA)
    return "'" + line if is_formula else line


def printable(text: str, longest: int = LONGEST_TEXT) -> str:
    r"""Returns a text without characters that would harm a terminal or a file.

    Args:
        text: Any text, such as the name of a folder.
        longest: The largest number of letters that are kept.

    Returns:
        The text, in which U+FFFD replaces every character that cannot be printed,
        line breaks included; with an ellipsis at its end if it is cut.

    Example:
        >>> printable("two\nlines"), printable("abcdef", 4)
        ('two�lines', 'abc…')
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _REPLACEMENT for letter in text)


def printable_lines(text: str) -> str:
    r"""Returns a text of several lines, each of which is `printable`.

    Args:
        text: Any text, such as the causes of a diagnosis.

    Returns:
        The lines, with "\n" between two; no longer than `LONGEST_TEXT`.

    Example:
        >>> printable_lines("1. one\r\n2. two")
        '1. one\n2. two'
    """
    lines = text[: LONGEST_TEXT + 1].splitlines()
    whole = "\n".join(map(printable, lines))
    return whole if len(whole) <= LONGEST_TEXT else whole[: LONGEST_TEXT - 1] + "…"


def number_text(value: float | None, form: str) -> str:
    """Returns a number as a text that is not longer than a column is wide.

    Args:
        value: The number; None if it is not known.
        form: How it is written, such as ".1f".

    Returns:
        The number, with three digits and a power of ten if it is too long otherwise;
        "-" if it is not known or not finite.

    Example:
        >>> number_text(0.25, ".1f"), number_text(1e99, ".1f"), number_text(None, "d")
        ('0.2', '1e+99', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    text = format(value, form)
    return text if len(text) <= _WIDEST_NUMBER else f"{value:.3g}"


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
    # The ratio of the two may be too large or too small for a float.
    lost = math.log10(first) - math.log10(last) if first else -math.inf
    return decades_text(lost, 1)


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
