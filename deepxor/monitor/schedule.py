"""When to look at what a training step has recorded."""

from __future__ import annotations

import math


class Schedule:
    """Says after which training call the next record will be there.

    The step's number is on the device, and reading it after every call would cost what
    a small training step does. So the calls are counted, and the steps of one call are
    taken to be what they were.

    Args:
        every: Steps from one record to the next.
        step: The number of the step to come.
        steps_per_call: What is expected of the first calls.
    """

    def __init__(self, every: int, step: int, steps_per_call: int) -> None:
        self._every = every
        self._steps_per_call = float(steps_per_call)
        self._calls = 0
        self._step = step
        self._plan()

    @property
    def is_last_call(self) -> bool:
        """Whether the call to come should bring the next record."""
        return self._calls + 1 >= self._calls_to_record

    def count_call(self) -> bool:
        """Counts a call; returns whether there should be a record to read."""
        self._calls += 1
        return self._calls >= self._calls_to_record

    def look(self, step: int) -> None:
        """Plans the next look.

        Args:
            step: The number of the step to come, read after the calls counted.
        """
        if self._calls:
            self._steps_per_call = max((step - self._step) / self._calls, 1e-6)
        self._step, self._calls = step, 0
        self._plan()

    def _plan(self) -> None:
        record = math.ceil(self._step / self._every) * self._every
        missing = record + 1 - self._step
        # A look too early finds nothing, and plans again.
        self._calls_to_record = max(1, math.ceil(missing / self._steps_per_call))
