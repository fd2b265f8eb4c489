"""Checks of arguments, with messages worded as those of Keras; no imports of ours."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection
from typing import Any, NoReturn

# The letters of a message that a terminal shows in a few lines.
MOST_LETTERS = 1000


def refuse(name: str, value: Any, allowed: str) -> NoReturn:
    """Raises the error of an argument that is out of range.

    Args:
        name: The argument's name.
        value: The value that was given.
        allowed: What the argument must be, as it follows "must be" in a sentence.

    Raises:
        ValueError: Always, with a message of one line.

    Example:
        >>> refuse("every", 0, "a positive integer")
        Traceback (most recent call last):
        ...
        ValueError: `every` must be a positive integer. Received: every=0
    """
    # The text of an array or of a model may have several lines.
    lines = (line.strip() for line in _repr(value).splitlines())
    received = shortened(" ".join(lines), MOST_LETTERS // 2)
    raise ValueError(f"`{name}` must be {allowed}. Received: {name}={received}")


def shortened(text: str, most: int) -> str:
    """Returns a text without its middle, if it is too long for a message.

    Args:
        text: The text.
        most: The number of letters that are left of a longer one, about.

    Example:
        >>> shortened("abcdefghij", 4)
        'ab ... (6 more letters) ... ij'
    """
    if len(text) <= most:
        return text
    half = most // 2
    more = len(text) - 2 * half
    return f"{text[:half]} ... ({more} more letters) ... {text[-half:]}"


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        bits = f" of {value.bit_length()} bits" if isinstance(value, int) else ""
        return f"{type(value).__name__}{bits}, too long to be written"


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Checks that a value is one of some names.

    Args:
        name: The argument's name.
        value: The value that was given.
        choices: The names that are allowed.

    Raises:
        ValueError: If the value is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        refuse(name, value, f"one of {', '.join(choices)}")


def check_at_least(name: str, value: float, least: int) -> None:
    """Checks that a number is not too small.

    Args:
        name: The argument's name.
        value: The number that was given.
        least: The smallest number that is allowed.

    Raises:
        ValueError: If the number is smaller.
    """
    if value < least:
        refuse(name, value, f"at least {least}")


def check_positive(name: str, value: float) -> None:
    """Checks that a number is above 0 and finite.

    Args:
        name: The argument's name.
        value: The number that was given.

    Raises:
        ValueError: If the number is 0, negative, infinite or NaN.
    """
    if not 0 < value < math.inf:
        refuse(name, value, "a finite number above 0")


def check_integer(name: str, value: Any, low: int, high: int) -> None:
    """Checks that a value is an integer in a range.

    Args:
        name: The argument's name.
        value: The value that was given.
        low: The smallest integer that is allowed.
        high: The largest one.

    Raises:
        ValueError: If the value is no integer, or not in the range.
    """
    if not is_integer(value, low, high):
        refuse(name, value, f"an integer from {low} to {high}")


def is_integer(value: Any, low: int, high: int) -> bool:
    """Returns whether a value is an integer in a range.

    Args:
        value: The value.
        low: The smallest integer that is allowed.
        high: The largest one.
    """
    # Python takes True for the integer 1.
    return type(value) is not bool and isinstance(value, int) and low <= value <= high


def check_local_folder(name: str, path: str | os.PathLike[str]) -> None:
    """Checks that a path can be that of a folder of this machine.

    Args:
        name: The argument's name.
        path: The path.

    Raises:
        ValueError: If the path is empty or has a NUL, or is the address of something
            elsewhere.
    """
    text = os.fspath(path)
    # A path has one slash of two. A drive of Windows has one letter.
    if not text or "\0" in text or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", text):
        refuse(name, text, "a local folder")


def check_float32(name: str, value: Any, or_zero: bool = False) -> None:
    """Checks that a value is a number above 0, which float32 can hold.

    Args:
        name: The argument's name.
        value: The value that was given.
        or_zero: Whether 0 is allowed, too.

    Raises:
        ValueError: If the value is no number, or not in the range.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Outside of this range it would be 0 or infinite in float32.
    is_allowed = is_number and (1e-37 <= value <= 1e38 or (or_zero and value == 0))
    if not is_allowed:
        zero = "0 or " if or_zero else ""
        refuse(name, value, f"{zero}a number above 0, from 1e-37 to 1e38")
