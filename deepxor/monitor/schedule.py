"""Decides which training calls make a record, and how much it contains."""

from __future__ import annotations

import enum

from deepxor import record_steps

# What takes longer to measure than gradients is measured more and more rarely. If it is
# measured s steps after the start of a fit, the next time is at step
# s + 1 + s / SPARSENESS or later. So it is measured in the last third of any fit, but
# only a few times in a long one.
SPARSENESS = 4

# Activations and weights get rarer in the same way, with two exceptions: the first
# `FULL_RECORDS` records of a fit all have them, and so does the next record once
# `FULL_EVERY` steps have passed.
FULL_RECORDS = 100
FULL_EVERY = 100

# Where batches are small, activations are also looked at in the steps right after a
# record, but in no more than this share of the steps from one such record to the next.
MAX_LOOKS = 0.1


class Detail(enum.Enum):
    """Names how much a training call records.

    Attributes:
        NONE: The call records nothing.
        GRADIENTS: The call records gradients only.
        FULL: The call records gradients, activations and weights.
    """

    NONE = enum.auto()
    GRADIENTS = enum.auto()
    FULL = enum.auto()


class BackoffSchedule:
    """Decides which records have a measurement that is made more and more rarely.

    Args:
        start: The number of the first step of the fit.
    """

    def __init__(self, start: int) -> None:
        self._start = self._due = start

    def is_due(self, step: int) -> bool:
        """Whether the measurement is due at a record; to be asked once a record.

        Args:
            step: The number of the record's step.
        """
        if step < self._due:
            return False
        self._due = step + _pause(step - self._start)
        return True


class Schedule:
    """Decides before every training call how much the call has to record.

    Records are the steps of `deepxor.record_steps`. Those that diagnoses look at, the
    multiples of `every`, contain as much as they would without the others. Where a call
    runs several steps, there are no others: activations and predictions are those of
    the latest record of a call, which must be one that diagnoses look at.

    Args:
        every: The largest number of steps from one record to the next.
        steps_per_call: The most steps that one call runs.

    Attributes:
        every: The largest number of steps from one record to the next.
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
        """Sets the number of the first step, before the first call.

        Args:
            step: The number of the step to come.
        """
        self.step = self._start = step

    def is_record(self, step: int) -> bool:
        """Whether a step is a record.

        Args:
            step: The number of the step.
        """
        if self._most > 1:
            return record_steps.is_regular(step, self.every)
        return record_steps.is_record(step, self.every)

    @property
    def is_due(self) -> bool:
        """Whether the coming call makes a record."""
        return self._has_regular or self.is_record(self.step)

    @property
    def _has_regular(self) -> bool:
        """Whether the coming call has a multiple of `every`."""
        return -self.step % self.every < self._most

    def detail(self) -> Detail:
        """Returns how much the coming call has to record; to be asked once a call."""
        if not self.is_due:
            if not self._more_looks:
                return Detail.NONE
            self._more_looks -= 1
            return Detail.FULL
        if not self._has_regular:
            # An early record, of which there are few, is a look, too.
            self._more_looks = max(0, self._more_looks - 1)
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
        """Plans that the next calls, right after a record, look at activations, too.

        The record is one that diagnoses look at; early records may come in between. The
        calls will not look if a call runs several steps.

        Args:
            calls: The number of such calls that are needed. There will be no more than
                the share `MAX_LOOKS` of the steps until activations are next due.

        Returns:
            Whether there will be as many as are needed, and at least one.
        """
        if self._most > 1:
            return False
        pause = self.every
        if self._full_records >= FULL_RECORDS:
            due = min(_pause(self._last_full - self._start), FULL_EVERY)
            pause = max(pause, due)
        self._more_looks = min(calls, int(pause * MAX_LOOKS), self.every - 1)
        return 0 < calls <= self._more_looks

    @property
    def looks_again(self) -> bool:
        """Whether a record waits for what the coming call sees of activations."""
        return self._more_looks > 0

    def count_call(self) -> None:
        """Counts a call of one step that has succeeded."""
        self.step += 1

    def go_to(self, step: int) -> None:
        """Sets the number of the step to come, after a call of several steps.

        Args:
            step: The number of the step to come.
        """
        self.step = step


def _pause(steps: int) -> int:
    """Returns how many steps to wait before the next long measurement.

    Args:
        steps: The number of steps from the start of the fit to this measurement.
    """
    return 1 + steps // SPARSENESS
