"""Runs parts of the monitor that may fail, without ending the training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from deepxor.monitor.engine.base import ArgumentError

T = TypeVar("T")


class Attempts:
    """Keeps errors of the monitor itself from ending a training.

    A part of the monitor that fails once is given up: it is not tried again.

    Args:
        notes: The mapping that gets, for each part given up, the reason.
        log_dir: Where the monitor writes to; the warning names it.
    """

    def __init__(self, notes: dict[str, str], log_dir: Any) -> None:
        self._notes = notes
        self._log_dir = log_dir
        self._stopped: set[str] = set()

    def run(self, what: str, act: Callable[[], T]) -> T | None:
        """Calls a function; if it fails, warns and returns None.

        Args:
            what: The name of the part that is tried. A part that has failed before is
                not tried again: the result is None.
            act: The function to call.

        Returns:
            The result of the function, or None.

        Raises:
            ArgumentError: If the function raises it, as that error is the user's.
        """
        if what in self._stopped:
            return None
        try:
            return act()
        except ArgumentError:
            raise
        except Exception as error:
            self.give_up(what, error)
            return None

    def give_up(self, what: str, error: Exception) -> None:
        """Gives up a part of the monitor, and warns the first time.

        Args:
            what: The name of the part that is given up.
            error: The error that is the reason.
        """
        if what in self._stopped:
            return
        self._stopped.add(what)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        self._notes[what] = f"stopped by {reason}"
        where = f" to {self._log_dir}" if what == "writing" else ""
        warnings.warn(
            f"GradientMonitor has stopped {what}{where}, and training goes on. "
            f"{reason}",
            stacklevel=2,
        )

    def has_stopped(self, what: str) -> bool:
        """Whether a part of the monitor was given up.

        Args:
            what: The name of the part, as `run` takes it.
        """
        return what in self._stopped
