"""Finds out whether a `fit` is still running.

Keras does not tell callbacks when an error has ended a `fit`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class RunningFit:
    """Recognizes a call of `fit` on the stack of its thread.

    It has to be made inside that call. The call is recognized by the `params` that
    Keras gives its callbacks, which no other call shares. Nothing else of the call is
    kept, as its arguments are the training data.

    Args:
        params: The `params` of the callbacks of this fit.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self._params = params
        self._thread = threading.get_ident()
        # A custom training loop may call the callbacks without a `fit`.
        self._has_frame = any(map(self._is_own, _outward(sys._getframe())))

    def is_running(self) -> bool:
        """Whether the call has neither returned nor raised.

        If the callbacks are called without a `fit`, the answer is always true.
        """
        if not self._has_frame:
            return True
        frame = sys._current_frames().get(self._thread)
        return any(map(self._is_own, _outward(frame)))

    @property
    def is_elsewhere(self) -> bool:
        """Whether the call is running in another thread or around this code."""
        if not self.is_running():
            return False
        if self._thread != threading.get_ident():
            return True
        return self._has_frame

    def calls(self, frame: FrameType) -> bool:
        """Whether a training call that a frame makes belongs to this `fit`.

        Another `fit` inside a callback, or `train_on_batch`, uses the same train
        function.

        Args:
            frame: The frame that calls the train function.
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
    """Yields a frame and then its callers, from the inside to the outside."""
    while frame is not None:
        yield frame
        frame = frame.f_back
