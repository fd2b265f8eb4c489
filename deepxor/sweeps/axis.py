"""One axis of a sweep: a setting and the values that it takes; no TensorFlow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from deepxor.checks import refuse

Value = int | float | str | bool

# A longer axis is a slip of the keyboard: no picture could show it.
MAX_VALUES = 1000

# An end of a range beyond it is another slip.
MAX_END = 1e300

# Python reads no integer that is much longer.
MAX_DIGITS = 1000

SYNTAX = (
    "NAME=START:END:STEP, NAME=START:END:logCOUNT or NAME=VALUE,VALUE,..., as in "
    "depth=2:30:2, learning_rate=0.001:1:log7 or activation=relu,tanh"
)


@dataclass(frozen=True)
class Axis:
    """Describes one axis of a sweep.

    Attributes:
        name: The name of a setting.
        values: The values that it takes in turn, each of them once.
        is_log: Whether equal steps along the axis are equal factors.

    Raises:
        ValueError: If there is no value, too many of them, or one of them twice.
    """

    name: str
    values: tuple[Value, ...]
    is_log: bool = False

    def __post_init__(self) -> None:
        if self.is_numeric and any(isinstance(v, float) for v in self.values):
            # 1 is 1.0 beside 0.1, so that all files have the same text for it.
            for value in self.values:
                if isinstance(value, int) and abs(value) > MAX_END:
                    refuse(
                        f"axis {self.name}", value, f"numbers of at most {MAX_END:g}"
                    )
            object.__setattr__(self, "values", tuple(map(float, self.values)))
        if not self.values:
            refuse(f"axis {self.name}", "", "at least one value")
        if len(self.values) > MAX_VALUES:
            raise ValueError(
                f"Axis `{self.name}` must have at most {MAX_VALUES} values. Received: "
                f"{len(self.values)} values"
            )
        twice = [v for i, v in enumerate(self.values) if v in self.values[:i]]
        if twice:
            raise ValueError(
                f"Axis `{self.name}` must have each value once. Received: {twice[0]!r} "
                "twice"
            )

    @property
    def is_numeric(self) -> bool:
        """Whether all values are numbers."""
        return all(
            isinstance(value, (int, float)) and not isinstance(value, bool)
            for value in self.values
        )


def parse_axis(text: str) -> Axis:
    """Returns the axis that a text describes.

    Args:
        text: A name and the values, as `SYNTAX` says. A range has its end in it.

    Returns:
        The axis. Its values are integers where all of them are whole and written so,
        else floats; or texts if one is no number.

    Raises:
        ValueError: If the text describes no axis.

    Example:
        >>> parse_axis("depth=2:8:3").values
        (2, 5, 8)
        >>> parse_axis("learning_rate=0.01:1:log3").values
        (0.01, 0.1, 1.0)
        >>> parse_axis("width=4:64:log3").values
        (4, 16, 64)
        >>> parse_axis("activation=relu,tanh").values
        ('relu', 'tanh')
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not name:
        refuse("axis", text, SYNTAX)
    if ":" not in values:
        parts = [part.strip() for part in values.split(",")]
        listed = tuple(map(_value, filter(None, parts)))
        return Axis(name, listed, is_geometric(listed))
    parts = values.split(":")
    if len(parts) != 3:
        refuse("axis", text, SYNTAX)
    start, end, step = parts
    if step.startswith("log"):
        return Axis(name, _log_range(text, start, end, step[3:]), is_log=True)
    return Axis(name, _range(text, start, end, step))


def is_geometric(values: Sequence[Value]) -> bool:
    """Returns whether values are numbers that grow by equal factors, but not steps.

    Args:
        values: The values.
    """
    numbers = [v for v in values if isinstance(v, (int, float)) and v > 0]
    if len(numbers) < 3 or len(numbers) < len(values):
        return False
    factors = [math.log(b) - math.log(a) for a, b in itertools.pairwise(numbers)]
    return max(factors) - min(factors) <= 0.01 * abs(factors[0]) and factors[0] != 0


def _range(text: str, *parts: str) -> tuple[Value, ...]:
    start, end, step = (_number(text, part) for part in parts)
    if step == 0 or (start != end and (end > start) != (step > 0)):
        raise ValueError(f"Range is empty: its steps do not lead to its end. "
                         f"Received: axis={text!r}")  # fmt: skip
    if isinstance(start, int) and isinstance(end, int) and isinstance(step, int):
        _check_count(text, (end - start) // step + 1)
        return tuple(range(start, end + (1 if step > 0 else -1), step))
    # Sums of decimals as they are written meet the end, and 0, without a rounding.
    first, last, stride = (Decimal(repr(number)) for number in (start, end, step))
    count = math.floor((last - first) / stride) + 1
    _check_count(text, count)
    return tuple(float(first + i * stride) for i in range(count))


def _check_count(text: str, count: int) -> None:
    if count > MAX_VALUES:
        refuse("axis", text, f"at most {MAX_VALUES} values")


def _log_range(text: str, start: str, end: str, count: str) -> tuple[Value, ...]:
    first, last = _number(text, start), _number(text, end)
    if first <= 0 or last <= 0 or not count.isdecimal() or len(count) > MAX_DIGITS:
        refuse(
            "axis", text, f"positive ends and a count in a range of factors: {SYNTAX}"
        )
    if not 2 <= int(count) <= MAX_VALUES:
        refuse("axis", text, f"a count from 2 to {MAX_VALUES}")
    steps = int(count) - 1
    factor = (math.log(last) - math.log(first)) / steps  # its logarithm
    inner = [math.exp(math.log(first) + factor * i) for i in range(1, steps)]
    # Six digits, but not so that a value next to an end is beyond it.
    low, high = sorted((first, last))
    rounded = [min(max(float(f"{value:.6g}"), low), high) for value in inner]
    values = (first, *rounded, last)
    is_whole = isinstance(first, int) and isinstance(last, int)
    if is_whole and all(value == int(value) for value in values):
        return tuple(map(int, values))
    return tuple(map(float, values))


def _number(text: str, part: str) -> int | float:
    value = _value(part.strip())
    # Differences and quotients of larger numbers are not finite.
    if isinstance(value, (str, bool)) or not abs(value) <= MAX_END:
        refuse("axis", text, f"numbers of at most {MAX_END:g} in a range: {SYNTAX}")
    return value


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def check_axes(axes: Sequence[Axis], allowed: Sequence[str]) -> None:
    """Checks that axes can span a map.

    Args:
        axes: The axes.
        allowed: The names of the settings that an axis can be of.

    Raises:
        ValueError: If there are not one or two, two are the same, or one is of a
            setting that does not exist.
    """
    if not 1 <= len(axes) <= 2:
        raise ValueError(f"A sweep must have one or two axes. Received: {len(axes)}")
    for axis in axes:
        if axis.name not in allowed:
            refuse("axis", axis.name, f"one of {', '.join(allowed)}")
    if len({axis.name for axis in axes}) < len(axes):
        raise ValueError(
            f"Axes must be of different settings. Received: {axes[0].name} twice"
        )
