"""A logarithmic axis of steps, on which the first record is at the left edge."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

# How much of the axis a letter of a label takes, for a chart of five inches.
_LETTER = 0.018


class StepAxis:
    """Maps steps to positions, as the axis of the Gradient flow tab does.

    The first steps, in which most happens, are as wide as the many later ones.

    Args:
        first: The step at the left edge.
        end: The step at the right edge.
    """

    def __init__(self, first: int, end: int) -> None:
        self.first = first
        self.end = max(end, first + 1)

    def positions(self, steps: np.ndarray) -> np.ndarray:
        """Returns log10(1 + step - first), 0 at the left edge.

        Args:
            steps: Steps, of any shape.
        """
        return np.log10(1 + np.maximum(0, np.asarray(steps, float) - self.first))

    def ticks(self) -> list[int]:
        """Returns the first step, and the powers of ten between it and the end."""
        powers = (10**n for n in range(len(str(self.end))))
        return [self.first, *(p for p in powers if self.first < p < self.end)]

    def draw(self, panel: Axes, inches: float) -> None:
        """Writes the steps below a panel whose horizontal data are positions.

        Labels that would touch the one before are left out.

        Args:
            panel: The panel.
            inches: The width of the panel.
        """
        # Of steps near 2 ** 63, both ends may be the same float.
        width = float(self.positions(np.array(self.end))) or 1.0
        letter = _LETTER * 5 / inches
        shown: list[tuple[float, str]] = []
        free = -1.0
        for tick in self.ticks():
            place, text = float(self.positions(np.array(tick))), f"{tick:,}"
            half = letter * len(text) / 2
            if place / width - half >= free:
                shown.append((place, text))
                free = place / width + half + letter
        panel.set_xlim(0, width)
        panel.set_xticks([place for place, _ in shown], [text for _, text in shown])
        place, text = shown[-1]
        if place / width + letter * len(text) / 2 > 1:
            # A centred label would be cut off at the edge of the picture.
            panel.get_xticklabels()[-1].set_horizontalalignment("right")
        panel.set_xlabel("step")
