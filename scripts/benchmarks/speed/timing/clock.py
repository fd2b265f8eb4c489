"""The clock of a Keras `fit`; loads no Keras until it makes its callback."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


class Clock:
    """Times a Keras `fit` from the end of its first batch, which compiles.

    Timing a second fit would not do: the monitor has the step traced anew by each fit.
    """

    def __init__(self) -> None:
        self._batch_ends: list[float] = []
        self.end = 0.0

    @property
    def first(self) -> float:
        """The moment at which the first batch had ended, by `time.perf_counter`."""
        return self._batch_ends[0]

    @property
    def batches(self) -> float:
        """Seconds from the end of the first batch to the end of the last."""
        return self._batch_ends[-1] - self.first

    @property
    def to_end(self) -> float:
        """Seconds from the end of the first batch until every callback has ended."""
        return self.end - self.first

    def callback(self) -> keras.callbacks.Callback:
        """Returns the callback to pass to `fit`, after all others."""
        import keras

        return keras.callbacks.LambdaCallback(
            on_train_batch_end=self._end_batch, on_train_end=self._end_all
        )

    def _end_batch(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._batch_ends.append(time.perf_counter())

    def _end_all(self, logs: Mapping[str, float] | None = None) -> None:
        self.end = time.perf_counter()
