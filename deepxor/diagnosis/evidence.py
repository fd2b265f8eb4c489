"""The questions that the rules ask of a history, and their answers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepxor.diagnosis.thresholds import THRESHOLDS


class Evidence:
    """Answers the questions of the rules about a history.

    The window is the latest records, over a share `THRESHOLDS.window` of the steps.

    Args:
        history: `GradientMonitor.history`, with at least one record.

    Attributes:
        layers: The names of the layers in forward order.
        first_loss: The median loss of the first records.
        loss: The median loss over the window.
        is_learned: Whether the loss has fallen far below its first value, or the model
            has skill.
        is_falling: Whether the loss is still falling.
        is_flat: Whether the loss has not moved since the first record.
    """

    def __init__(self, history: Mapping[str, Any]) -> None:
        self.history = history
        self.layers: list[str] = list(history["layer"])
        self._window, before = _windows(np.asarray(history["step"]))
        loss = history["loss"]
        self.first_loss = median(loss[: self._first_records()])
        self.loss = median(loss[self._window])
        skill = median(history["skill"][self._window])
        self.is_learned = bool(
            self._has_fallen(self.first_loss, THRESHOLDS.learned)
            or skill >= THRESHOLDS.skill
        )
        self.is_falling = self._has_fallen(median(loss[before]), THRESHOLDS.falling)
        self.is_flat = not self._has_fallen(self.first_loss, THRESHOLDS.flat)

    def _first_records(self) -> int:
        """Returns the number of records that are the start of the training.

        The start ends with a step that changes the weights by more than
        `THRESHOLDS.update` of themselves, as the loss after it is another one.
        """
        ratios = self.history["update_ratio"][: THRESHOLDS.first]
        sizes = [largest_of(row[np.isfinite(row)]) for row in ratios]
        thrown = [i for i, size in enumerate(sizes) if size > THRESHOLDS.update]
        return thrown[0] + 1 if thrown else THRESHOLDS.first

    def _has_fallen(self, before: float, share: float) -> bool:
        return bool(self.loss < (share * before if before > 0 else before / share))

    def has_grown(self, times: float) -> bool:
        """Returns whether the loss is above its first value by a factor.

        Args:
            times: The factor.
        """
        return self.first_loss > 0 and self.loss > times * self.first_loss

    def knows(self, quantity: str) -> bool:
        """Returns whether a quantity is known anywhere in the window.

        Args:
            quantity: A key of the history.
        """
        if quantity == "loss":
            return bool(self.loss_seen[self._window].any())
        return bool((~np.isnan(self.history[quantity][self._window])).any())

    @property
    def loss_seen(self) -> np.ndarray:
        """Whether each record's loss is known, bool [records].

        A loss that is NaN may be known, if it was seen to be NaN.
        """
        loss = self.history["loss"]
        return np.asarray(self.history.get("loss_seen", np.ones(len(loss), bool)))

    def recent(self, quantity: str) -> np.ndarray:
        """Returns the median of a quantity over the window, [layers]; NaN if not known.

        Args:
            quantity: A key of the history.
        """
        return median(self.history[quantity][self._window], axis=0)

    def window(self, quantity: str) -> np.ndarray:
        """Returns a quantity over the window, [records, ...].

        Args:
            quantity: A key of the history.
        """
        return np.asarray(self.history[quantity])[self._window]

    @property
    def step(self) -> int:
        """The first step of the window."""
        return int(self.history["step"][self._window][0])

    @property
    def distance(self) -> float:
        """The largest change by all updates together, relative to the weights."""
        steps = self.history["step"][-1] - self.history["step"][0]
        return float(steps * largest_of(self.recent("update_ratio")))

    def seen(self) -> np.ndarray:
        """Returns the numbers of the layers whose gradient was seen in the window."""
        return np.flatnonzero(~np.isnan(self.recent("norm")))

    def missing(self) -> str | None:
        """Returns what is missing to call a model healthy, or None if nothing is."""
        count = len(self.history["step"])
        if not self.layers:
            return "No layer was recorded."
        if not len(self.seen()):
            return "No gradient was seen."
        if count < THRESHOLDS.min_records:
            there = "There is 1 record" if count == 1 else f"There are {count} records"
            return f"{there}, and it takes {THRESHOLDS.min_records}."
        if not self.window("norm")[:, self.seen()].any():
            return f"Every gradient is exactly zero since step {self.step} or before."
        return None

    def summary(self) -> str:
        """Returns a sentence on the first and last layers' norms and the loss."""
        norm, seen = self.recent("norm"), self.seen()
        ends = f"{self.layers[seen[0]]} gets {norm[seen[0]]:.1e}"
        if len(seen) > 1:
            ends += f", {self.layers[seen[-1]]} {norm[seen[-1]]:.1e}"
        return f"{ends}; {self.loss_says()}."

    def ends_say(self) -> str:
        """Returns a clause on the norms of the first and last layers that were seen."""
        norm, seen = self.recent("norm"), self.seen()
        if not len(seen):
            return "no gradient was seen"
        first, last = seen[0], seen[-1]
        return (
            f"{self.layers[first]} gets {norm[first]:.1e}, {self.layers[last]} "
            f"{norm[last]:.1e}"
        )

    def loss_says(self) -> str:
        """Returns a clause on the change of the loss."""
        if np.isnan(self.first_loss) or np.isnan(self.loss):
            return "the loss is not known"
        return f"the loss went from {self.first_loss:.3g} to {self.loss:.3g}"


def _windows(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns which records are in the window, and which in the window before it.

    The windows are shares of the steps and not of the records, as a long history keeps
    fewer of the older records.

    Args:
        steps: The steps of the records, [records], rising.

    Returns:
        Whether each record is in the window, and whether in the one before it, bool
        [records] each.
    """
    # A record stands for the steps up to the next one.
    pace = np.median(np.diff(steps)) if len(steps) > 1 else 1
    end = steps[-1] + pace
    size = max(pace, round((end - steps[0]) / pace * THRESHOLDS.window) * pace)
    window = steps >= end - size
    return window, (steps >= end - 2 * size) & ~window


def largest_of(values: np.ndarray) -> float:
    """Returns the largest value that is not NaN, or 0 if all are NaN.

    Args:
        values: An array of any shape.
    """
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else 0.0


def median(values: np.ndarray, axis: int | None = None) -> Any:
    """Returns the median of the values that are not NaN, or NaN if all are NaN.

    Args:
        values: An array of any shape.
        axis: The axis along which to take the median; None for all values.
    """
    if values.size == 0:
        return np.full(values.shape[1:], np.nan) if axis == 0 else float("nan")
    known = ~np.isnan(values)
    if known.all():
        return np.median(values, axis=axis)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN
        return np.nanmedian(values, axis=axis)
