"""Whether a `fit` is still running: Keras does not say when an error has ended it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class RunningFit:
    """A call of `fit`, recognized on the stack of its thread.

    To be made inside of it. It is known by the `params` that Keras gives its callbacks,
    which no other call has; nothing else of the call is kept, as its arguments are the
    training data.

    Args:
        params: Those of the callbacks of this fit.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self._params = params
        self._thread = threading.get_ident()
        # Somebody may call the callbacks without a `fit`.
        self._has_frame = any(map(self._is_own, _outward(sys._getframe())))

    def is_running(self) -> bool:
        """Whether it has neither returned nor raised.

        Where somebody calls callbacks without a `fit` it is taken to run on.
        """
        if not self._has_frame:
            return True
        frame = sys._current_frames().get(self._thread)
        return any(map(self._is_own, _outward(frame)))

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is running, in another thread or around another call of `fit`."""
        if not self.is_running():
            return False
        if self._thread != threading.get_ident():
            return True
        return self._has_frame

    def calls(self, frame: FrameType) -> bool:
        """Whether a training step that a frame calls is one of its own.

        A `fit` inside a callback, or `train_on_batch`, uses the same train function.

        Args:
            frame: What calls the train function.
        """
        name = frame.f_code.co_name
        if name == "train_on_batch":
            return False
        return name != "fit" or not self._has_frame or self._is_own(frame)

    def _is_own(self, frame: FrameType) -> bool:
        if frame.f_code.co_name != "fit":
            return False
        callbacks = frame.f_locals.get("callbacks")
        return getattr(callbacks, "params", None) is self._params


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    """Yields a frame and those that have called it."""
    while frame is not None:
        yield frame
        frame = frame.f_back
