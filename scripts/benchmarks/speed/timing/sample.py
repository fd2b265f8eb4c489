"""A sample: one measurement of a training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        microseconds: The time of a step of one network.
        remark: What else there is to say. The table shows the last round's remark.
    """

    microseconds: float
    remark: str = ""


# Measures once. It returns None where what it measures is not installed.
Measure = Callable[[], Sample | None]
