"""Where the values of an axis lie in a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis as MatplotlibAxis
from matplotlib.axis import XAxis
from matplotlib.ticker import FixedLocator, MaxNLocator

from deepxor.palette import MAX_LABELS
from deepxor.sweeps.axis import Axis
from deepxor.sweeps.picture.style import plain, setting_label

# The largest number of ticks of an axis of numbers.
MAX_TICKS = 10

_STEPS = (1, 2, 5, 10)

# The longest names that stand side by side without being turned, in letters.
MAX_LETTERS = 75


@dataclass(frozen=True)
class Scale:
    """Places the values of an axis along a picture, as rising coordinates.

    Attributes:
        axis: The axis.
        order: The numbers of the values in the order in which they are drawn, [values].
        places: The coordinates of the values in that order, [values]: the values, their
            log10, or 0, 1, ... for names.
        edges: The coordinates where cells begin, and where the last one ends,
            [values + 1].
        is_log: Whether the coordinates are log10 of the values.
    """

    axis: Axis
    order: np.ndarray
    places: np.ndarray
    edges: np.ndarray
    is_log: bool

    @classmethod
    def of(cls, axis: Axis) -> Scale:
        """Returns the scale of an axis.

        Args:
            axis: The axis.
        """
        count = len(axis.values)
        if not axis.is_numeric:
            places = np.arange(count, dtype=np.float64)
            return cls(axis, np.arange(count), places, _edges(places), False)
        values = np.array(axis.values, np.float64)
        is_log = axis.is_log and bool((values > 0).all())
        order = np.argsort(values)
        places = np.log10(values[order]) if is_log else values[order]
        return cls(axis, order, places, _edges(places), is_log)

    @property
    def is_numeric(self) -> bool:
        """Whether a place between two values means something."""
        return self.axis.is_numeric

    @property
    def limits(self) -> tuple[float, float]:
        """Where the first cell begins and the last one ends."""
        return float(self.edges[0]), float(self.edges[-1])

    def coordinates(self, values: np.ndarray) -> np.ndarray:
        """Returns the coordinates of values that need not be the axis's own.

        Args:
            values: Numbers, of any shape.

        Returns:
            The coordinates, of the same shape; NaN for what has no logarithm.
        """
        if not self.is_log:
            return np.asarray(values, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log10(values), np.float64)

    def values(self, coordinates: np.ndarray) -> np.ndarray:
        """Returns the values at coordinates, the inverse of `coordinates`.

        Args:
            coordinates: Coordinates, of any shape.
        """
        return np.asarray(10.0**coordinates if self.is_log else coordinates)

    def draw(self, axis: MatplotlibAxis) -> None:
        """Labels an axis of a picture.

        Args:
            axis: The horizontal or vertical axis of a panel.
        """
        axis.set_label_text(setting_label(self.axis.name))
        if self.is_numeric and not (self.is_log or self._is_short):
            whole = all(isinstance(value, int) for value in self.axis.values)
            axis.set_major_locator(MaxNLocator(MAX_TICKS, steps=_STEPS, integer=whole))
            return
        # Cells of a logarithmic axis need not lie on powers of ten, so it is labelled
        # with their own values; and so are a few values in equal steps.
        most = MAX_TICKS if self.is_numeric else MAX_LABELS
        shown = slice(None, None, math.ceil(len(self.places) / most))
        labels = [self._label(number) for number in self.order[shown]]
        axis.set_major_locator(FixedLocator(self.places[shown].tolist()))
        axis.set_ticklabels(labels)
        if (
            isinstance(axis, XAxis)
            and len(labels) * max(map(len, labels)) > MAX_LETTERS
        ):
            for text in axis.get_ticklabels():
                text.set(rotation=30, ha="right", rotation_mode="anchor")

    @property
    def _is_short(self) -> bool:
        steps = np.diff(self.places)
        return len(steps) < MAX_TICKS and bool(np.allclose(steps, steps[:1]))

    def _label(self, number: int) -> str:
        value = self.axis.values[number]
        return f"{value:.3g}" if self.is_numeric else plain(value)


def _edges(places: np.ndarray) -> np.ndarray:
    """Returns the edges of cells half-way between places."""
    if len(places) == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    middles = (places[1:] + places[:-1]) / 2
    first, last = 2 * places[0] - middles[0], 2 * places[-1] - middles[-1]
    return np.concatenate([[first], middles, [last]])
