"""Checks of arguments, with messages worded as those of Keras; no imports of ours."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, NoReturn


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
    received = " ".join(repr(value).split())
    raise ValueError(f"`{name}` must be {allowed}. Received: {name}={received}")


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
