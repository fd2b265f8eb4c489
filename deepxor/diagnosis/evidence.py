"""What a history says, as the rules ask it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepxor.diagnosis.thresholds import THRESHOLDS


class Evidence:
    """What the rules ask of a history.

    Args:
        history: `GradientMonitor.history`, of at least one record.

    Attributes:
        layers: Names in forward order.
        first_loss: The median loss of the first records.
        loss: The median over the window.
        is_learned: Whether the loss has fallen far below its first value, or the model
            has skill.
        is_falling: Whether it is still falling.
        is_flat: Whether it has not moved since the first record.
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
        """Returns how many records are the start: none after a step that is thrown.

        Where a step changes the weights by more than themselves at once, what comes
        after it is no start any more.
        """
        ratios = self.history["update_ratio"][: THRESHOLDS.first]
        sizes = [largest_of(row[np.isfinite(row)]) for row in ratios]
        thrown = [i for i, size in enumerate(sizes) if size > THRESHOLDS.update]
        return thrown[0] + 1 if thrown else THRESHOLDS.first

    def _has_fallen(self, before: float, share: float) -> bool:
        return bool(self.loss < (share * before if before > 0 else before / share))

    def has_grown(self, times: float) -> bool:
        """Whether the loss is this many times its first value."""
        return self.first_loss > 0 and self.loss > times * self.first_loss

    def knows(self, quantity: str) -> bool:
        """Whether a quantity is known anywhere in the window."""
        if quantity == "loss":
            return bool(self.loss_seen[self._window].any())
        return bool((~np.isnan(self.history[quantity][self._window])).any())

    @property
    def loss_seen(self) -> np.ndarray:
        """Which records' loss is known, bool [records]; of a NaN it says that it is."""
        loss = self.history["loss"]
        return np.asarray(self.history.get("loss_seen", np.ones(len(loss), bool)))

    def recent(self, quantity: str) -> np.ndarray:
        """Returns a quantity's median over the window, [layers]; NaN if not known."""
        return median(self.history[quantity][self._window], axis=0)

    def window(self, quantity: str) -> np.ndarray:
        """Returns a quantity over the window, [records, ...]."""
        return np.asarray(self.history[quantity])[self._window]

    @property
    def step(self) -> int:
        """The first step of the window."""
        return int(self.history["step"][self._window][0])

    @property
    def distance(self) -> float:
        """How far the updates have gone in all, as a share of the weights at most."""
        steps = self.history["step"][-1] - self.history["step"][0]
        return float(steps * largest_of(self.recent("update_ratio")))

    def seen(self) -> np.ndarray:
        """Returns which layers' gradients were seen in the window, [their numbers]."""
        return np.flatnonzero(~np.isnan(self.recent("norm")))

    def missing(self) -> str | None:
        """Says what it would take to call a model healthy, None for nothing."""
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
        """Says what the first and the last layer get."""
        norm, seen = self.recent("norm"), self.seen()
        ends = f"{self.layers[seen[0]]} gets {norm[seen[0]]:.1e}"
        if len(seen) > 1:
            ends += f", {self.layers[seen[-1]]} {norm[seen[-1]]:.1e}"
        return f"{ends}; {self.loss_says()}."

    def ends_say(self) -> str:
        """Says what the first and the last layer get that were seen."""
        norm, seen = self.recent("norm"), self.seen()
        if not len(seen):
            return "no gradient was seen"
        first, last = seen[0], seen[-1]
        return (
            f"{self.layers[first]} gets {norm[first]:.1e}, {self.layers[last]} "
            f"{norm[last]:.1e}"
        )

    def loss_says(self) -> str:
        """Says what became of the loss."""
        if np.isnan(self.first_loss) or np.isnan(self.loss):
            return "the loss is not known"
        return f"the loss went from {self.first_loss:.3g} to {self.loss:.3g}"


def _windows(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns which records are in the window, and which in the one before.

    By steps: of a long history the older records are fewer, of the same steps.

    Args:
        steps: [records], rising.

    Returns:
        bool [records] each.
    """
    # A record stands for the steps up to the next one.
    pace = np.median(np.diff(steps)) if len(steps) > 1 else 1
    end = steps[-1] + pace
    size = max(pace, round((end - steps[0]) / pace * THRESHOLDS.window) * pace)
    window = steps >= end - size
    return window, (steps >= end - 2 * size) & ~window


def largest_of(values: np.ndarray) -> float:
    """Returns the largest of what is not NaN; 0 where all is."""
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else 0.0


def median(values: np.ndarray, axis: int | None = None) -> Any:
    """Returns the median of what is not NaN; NaN where all is."""
    if values.size == 0:
        return np.full(values.shape[1:], np.nan) if axis == 0 else float("nan")
    known = ~np.isnan(values)
    if known.all():
        return np.median(values, axis=axis)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN
        return np.nanmedian(values, axis=axis)
