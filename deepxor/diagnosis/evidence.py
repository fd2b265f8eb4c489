"""The questions that the rules ask of a history, and their answers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepxor.diagnosis.output import outputs_of
from deepxor.diagnosis.thresholds import THRESHOLDS
from deepxor.facts import INPUT_FACTS


class Evidence:
    """Answers the questions of the rules about a history.

    The window is the latest records, over a share `THRESHOLDS.window` of the steps.

    Args:
        history: `GradientMonitor.history`, with at least one record.

    Attributes:
        layers: The names of the layers in forward order.
        first_loss: The median loss of the first records.
        loss: The median loss over the window.
        verdict: The verdict, once a rule has found a fault.
        outputs: What is known of each output of the model.
        skill: The smallest skill of all outputs over the window; NaN if that of one is
            not known.
        is_learned: Whether the loss has fallen far below its first value, or the model
            has skill; but not if it is known to have none.
        is_falling: Whether the loss is still falling.
        is_flat: Whether the loss has not moved since the first record.
    """

    def __init__(self, history: Mapping[str, Any]) -> None:
        self.history = history = regular_records(history)
        self.verdict: str | None = None
        self.layers: list[str] = list(history["layer"])
        self._window, before = _windows(np.asarray(history["step"]))
        loss = history["loss"]
        self.first_loss = median(loss[: self._first_records()])
        self.loss = median(loss[self._window])
        self.outputs = outputs_of(history, self._window)
        skills = [output.skill for output in self.outputs]
        # It is NaN if that of any output is, whatever their order.
        self.skill = float(np.min(skills or median(history["skill"][self._window])))
        has_fallen = self._has_fallen(self.first_loss, THRESHOLDS.learned)
        self.is_learned = bool(self.has_skill or (has_fallen and not self.has_no_skill))
        self.is_falling = self._has_fallen(median(loss[before]), THRESHOLDS.falling)
        self.is_flat = not self._has_fallen(self.first_loss, THRESHOLDS.flat)

    @property
    def has_skill(self) -> bool:
        """Whether the predictions are known to be far better than a constant."""
        return bool(self.skill >= THRESHOLDS.skill)

    @property
    def has_no_skill(self) -> bool:
        """Whether the predictions are known to be no better than a constant."""
        return bool(self.skill < THRESHOLDS.no_skill)

    @property
    def is_running(self) -> bool:
        """Whether the training goes on."""
        return bool(self.history.get("is_running", False))

    @property
    def is_early(self) -> bool:
        """Whether the training goes on, and has not come half the way to its end."""
        end, steps = self.history.get("end"), self.history["step"]
        return self.is_running and (end is None or steps[-1] + 1 < end / 2)

    @property
    def model(self) -> Mapping[str, Any]:
        """The facts of the compiled model; empty if they are not known."""
        known: Mapping[str, Any] = self.history.get("model", {})
        return known

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
        return bool((~np.isnan(self.window(quantity))).any())

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
        return median(self.window(quantity), axis=0)

    def first(self, quantity: str) -> np.ndarray:
        """Returns the first known values of a quantity, [layers]; NaN if none is known.

        Args:
            quantity: A key of the history.
        """
        values = self._known(quantity)
        rows = np.argmax(~np.isnan(values), axis=0)
        return np.asarray(values[rows, np.arange(values.shape[1])])

    def _known(self, quantity: str) -> np.ndarray:
        """Returns a quantity, [records, ...], NaN where it says nothing.

        Whether units are dead is not known from a few samples.
        """
        values = np.asarray(self.history[quantity])
        if quantity != "dead_fraction" or "samples" not in self.history:
            return values
        is_known = np.asarray(self.history["samples"]) >= THRESHOLDS.min_samples
        return np.where(is_known[:, None], values, np.nan)

    def window(self, quantity: str) -> np.ndarray:
        """Returns a quantity over the window, [records, ...].

        Args:
            quantity: A key of the history.
        """
        return np.asarray(self._known(quantity)[self._window])

    @property
    def step(self) -> int:
        """The first step of the window."""
        return int(self.history["step"][self._window][0])

    @property
    def inputs(self) -> dict[str, dict[str, float]]:
        """Returns the facts of what enters the first layers, by the layers' names."""
        found = {}
        for number, name in enumerate(self.history.get("input", [])):
            facts = {
                fact.name: float(median(self.history[fact.name][:, number]))
                for fact in INPUT_FACTS
            }
            found[name] = facts
        return found

    def rate_says(self) -> str:
        """Returns a clause on the largest learning rate; empty if it is not known."""
        rates = np.asarray(self.history.get("learning_rate", []), float)
        known = rates[np.isfinite(rates)]
        return f" (learning rate {known.max():.3g})" if len(known) else ""

    @property
    def path(self) -> float:
        """The sum of all updates of a layer over its weights, of the largest such sum.

        It is estimated from the records of updates, as if each went on until the next.
        """
        steps = np.asarray(self.history["step"], float)
        ratios = np.asarray(self.history["update_ratio"], float)
        sums = [
            (row[known] * np.diff(steps[known], append=steps[-1] + 1)).sum()
            for row in ratios.T
            if (known := np.isfinite(row)).any()
        ]
        return float(max(sums, default=np.nan))

    @property
    def slope(self) -> float:
        """The slope of the loss over the last two thirds, in standard errors.

        It is that of a straight line of least squares; NaN if it is not known.
        """
        steps = np.asarray(self.history["step"], float)
        loss = np.asarray(self.history["loss"], float)
        is_late = steps >= steps[0] + (steps[-1] - steps[0]) / 3
        is_late &= np.isfinite(loss)
        if is_late.sum() < 5:
            return float("nan")
        x, y = steps[is_late], loss[is_late]
        x = x - x.mean()
        slope = (x * y).sum() / (x * x).sum()
        rest = y - y.mean() - slope * x
        error = np.sqrt((rest**2).sum() / (len(x) - 2) / (x * x).sum())
        if error == 0:  # a straight line, or a loss that never moves
            return float(np.copysign(np.inf, slope)) if slope else 0.0
        return float(slope / error)

    @property
    def distance(self) -> float:
        """The largest change by all updates together, relative to the weights."""
        steps = self.history["step"][-1] - self.history["step"][0]
        return float(steps * largest_of(self.recent("update_ratio")))

    def seen(self) -> np.ndarray:
        """Returns the numbers of the layers whose gradient was seen in the window."""
        return np.flatnonzero(~np.isnan(self.recent("norm")))

    @property
    def arriving(self) -> float:
        """The norm at the first layer over the largest at the others; NaN without."""
        norm = self.recent("norm")[self.seen()]
        largest = norm[1:].max(initial=0)
        return float(norm[0] / largest) if largest > 0 else float("nan")

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
        return f"{ends}; {self.loss_says()}; {self.skill_says()}."

    def skill_says(self) -> str:
        """Returns a clause on how much better the predictions are than a constant."""
        if np.isnan(self.skill):
            why = self.history.get("notes", {}).get("skill")
            because = f" ({why})" if why else ""
            return f"whether the predictions beat a constant is not known{because}"
        return f"the predictions beat a constant by a skill of {self.skill:.2f}"

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


def regular_records(history: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a history with those records only that diagnoses look at.

    The others are so dense at the start that shares and numbers of records, for which
    the thresholds were designed, would be others.

    Args:
        history: `GradientMonitor.history`.
    """
    if "regular" not in history:
        return history
    is_regular = np.asarray(history["regular"], bool)
    return {
        key: value[is_regular] if isinstance(value, np.ndarray) else value
        for key, value in history.items()
    }


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
