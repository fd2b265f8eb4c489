"""What a monitor tries, and gives up for good once it fails; training goes on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from deepxor.monitor.engine.base import ArgumentError

T = TypeVar("T")


class Attempts:
    """Sees to it that no error of the monitor's own ends a training.

    Args:
        notes: Gets the reason for each thing that was given up.
        log_dir: Where the monitor writes to, for the warning.
    """

    def __init__(self, notes: dict[str, str], log_dir: Any) -> None:
        self._notes = notes
        self._log_dir = log_dir
        self._stopped: set[str] = set()

    def run(self, what: str, act: Callable[[], T]) -> T | None:
        """Returns what a function returns, or None, and warns, if it fails.

        Args:
            what: What is tried; what has failed is not tried again.
            act: The function.

        Raises:
            ArgumentError: The one error that is the user's.
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
        """Warns of an error, once for each thing that is given up.

        Args:
            what: What is given up.
            error: Why.
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
        """Whether something was given up.

        Args:
            what: As `run` takes it.
        """
        return what in self._stopped
