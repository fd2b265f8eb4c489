"""Which training calls bring a record."""

from __future__ import annotations

from collections.abc import Callable


class Schedule:
    """Says of every training call, before it, whether it may bring a record.

    A call usually takes one step. Then the calls are counted, as reading the step's
    number from the device every time would cost what a small training step does. Where
    calls take several steps, or have been seen to, it is read.

    Args:
        every: Steps from one record to the next.
        read_step: Returns the number of the step to come.
        steps_per_call: The most steps that are expected of a call.
    """

    def __init__(
        self, every: int, read_step: Callable[[], int], steps_per_call: int
    ) -> None:
        self._every = every
        self._read_step = read_step
        self._most = steps_per_call
        self._is_counted = steps_per_call == 1
        self._step = read_step()

    def is_due(self) -> bool:
        """Returns whether the call to come may bring a record."""
        if not self._is_counted:
            self.look()
        return -self._step % self._every < self._most

    def count_call(self) -> None:
        """Takes note of a call."""
        if self._is_counted:
            self._step += 1

    def look(self) -> int:
        """Returns the number of the step to come, read from the device."""
        step = self._read_step()
        if step != self._step:
            # A step of somebody's own that calls the optimizer more than once or not
            # at all; or, where calls are not counted, those of the last call.
            self._most = max(self._most, step - self._step)
            self._is_counted = False
        self._step = step
        return step
