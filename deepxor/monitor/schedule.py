"""Which training calls bring a record, and how much of it."""

from __future__ import annotations

import enum
from collections.abc import Callable

# What takes longer to measure than gradients comes ever more rarely: s steps after the
# start of a fit, and again at s + 1 + s / this, or later. So the latter third of any
# fit has it, and a long one few.
SPARSENESS = 4

# So do activations and weights, but for the first records of a fit, which have them
# all; and they come again after this many steps at the latest.
FULL_RECORDS = 32
FULL_EVERY = 100


class Detail(enum.Enum):
    """How much a training call records.

    Attributes:
        NONE: No step of it is a record.
        GRADIENTS: Gradients only.
        FULL: Activations and weights, too.
    """

    NONE = enum.auto()
    GRADIENTS = enum.auto()
    FULL = enum.auto()


class Sparse:
    """Says which records have what is measured more and more rarely.

    Args:
        start: The first step of the fit.
    """

    def __init__(self, start: int) -> None:
        self._start = self._due = start

    def is_due(self, step: int) -> bool:
        """Returns whether it is to be measured now; to be asked once a record.

        Args:
            step: That of the record.
        """
        if step < self._due:
            return False
        self._due = step + _pause(step - self._start)
        return True


class Schedule:
    """Says of every training call, before it, how much it is to record.

    A call usually takes one step. Then the calls are counted, as reading the step's
    number from the device every time would cost what a small training step does. Where
    calls take several steps, or have been seen to, it is read.

    Args:
        every: Steps from one record to the next.
        read_step: Returns the number of the step to come.
        steps_per_call: The most steps that are expected of a call.

    Attributes:
        step: The number of the step to come.
        is_counted: Whether the calls are counted.
    """

    def __init__(
        self, every: int, read_step: Callable[[], int], steps_per_call: int
    ) -> None:
        self._every = every
        self._read_step = read_step
        self._most = steps_per_call
        self._last_full = 0
        self._full_records = 0
        self.is_counted = steps_per_call == 1
        self.step = self._start = read_step()

    def detail(self) -> Detail:
        """Returns what the call to come may have to record; to be asked once a call."""
        if not self.is_counted:
            self.look()
        if -self.step % self._every >= self._most:
            return Detail.NONE
        if self._full_records >= FULL_RECORDS:
            pause = min(_pause(self._last_full - self._start), FULL_EVERY)
            if self.step - self._last_full < pause:
                return Detail.GRADIENTS
        self._last_full = self.step
        self._full_records += 1
        return Detail.FULL

    def count_call(self) -> None:
        """Takes note of a call."""
        if self.is_counted:
            self.step += 1

    def look(self) -> int:
        """Returns the number of the step to come, read from the device."""
        step = self._read_step()
        if step != self.step:
            # A step of somebody's own that calls the optimizer more than once or not
            # at all; or, where calls are not counted, those of the last call.
            self._most = max(self._most, step - self.step)
            self.is_counted = False
        self.step = step
        return step


def _pause(steps: int) -> int:
    """Returns after how many more steps to measure again what takes long."""
    return 1 + steps // SPARSENESS
