"""Which training calls bring a record, and how much of it."""

from __future__ import annotations

import enum

# What takes longer to measure than gradients comes ever more rarely: s steps after the
# start of a fit, and again at s + 1 + s / this, or later. So the latter third of any
# fit has it, and a long one few.
SPARSENESS = 4

# So do activations and weights, but for the first records of a fit, which have them
# all; and they come again after this many steps at the latest.
FULL_RECORDS = 32
FULL_EVERY = 100

# Where batches are small, activations are looked at in the steps right after a record,
# too, but in no more than this share of all steps.
MAX_LOOKS = 0.1


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


class BackoffSchedule:
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

    Records are the steps whose number `every` divides.

    Args:
        every: Steps from one record to the next.
        steps_per_call: The most steps of a call.

    Attributes:
        every: As given.
        step: The number of the step to come.
    """

    def __init__(self, every: int, steps_per_call: int) -> None:
        self.every = every
        self._most = steps_per_call
        self._last_full = 0
        self._full_records = 0
        self._more_looks = 0
        self.step = self._start = 0

    def start(self, step: int) -> None:
        """Begins, before the first call.

        Args:
            step: The number of the step to come.
        """
        self.step = self._start = step

    def is_record(self, step: int) -> bool:
        """Whether a step is a record.

        Args:
            step: Its number.
        """
        return step % self.every == 0

    def detail(self) -> Detail:
        """Returns what the call to come is to record; to be asked once a call."""
        if -self.step % self.every >= self._most:
            if not self._more_looks:
                return Detail.NONE
            self._more_looks -= 1
            return Detail.FULL
        self._more_looks = 0
        if self._full_records >= FULL_RECORDS:
            pause = min(_pause(self._last_full - self._start), FULL_EVERY)
            if self.step - self._last_full < pause:
                return Detail.GRADIENTS
        self._last_full = self.step
        self._full_records += 1
        return Detail.FULL

    def look_again(self, calls: int) -> bool:
        """Has some more calls look at activations, right after a record.

        Args:
            calls: How many.

        Returns:
            Whether they do: on at most `MAX_LOOKS` of all steps.
        """
        if self._most > 1 or calls > self.every * MAX_LOOKS:
            return False
        self._more_looks = calls
        return calls > 0

    @property
    def looks_again(self) -> bool:
        """Whether the call to come looks at activations though it is no record."""
        return self._more_looks > 0

    def count_call(self) -> None:
        """Takes note that a call of one step has succeeded."""
        self.step += 1

    def go_to(self, step: int) -> None:
        """Takes note of the steps of a call that may have had several.

        Args:
            step: The number of the step to come.
        """
        self.step = step


def _pause(steps: int) -> int:
    """Returns after how many more steps to measure again what takes long."""
    return 1 + steps // SPARSENESS
